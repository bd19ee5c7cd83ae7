package io.sparsebalance.actors.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models known by name. */
class NamedModelsTest {
    private static final int BYTES = 256;

    @TempDir
    private Path directory;

    private static TrainingConfig load(String model, String... overrides) {
        return TrainingConfigs.load(Optional.empty(), Optional.of(model), List.of(overrides));
    }

    /** Parameters as the models' publishers count them, biases of q, k and v left out. */
    @ParameterizedTest
    @CsvSource({"qwen2.5-0.5b, 0.494", "qwen2.5-3b, 3.086", "qwen3-0.6b, 0.596"})
    void shapesHaveTheParametersOfTheirNamesakes(String name, double billions) {
        ModelConfig m = Replicas.model(load(name), BYTES);
        double heads = m.attention().heads() * m.attention().headSize();
        double kvHeads = m.attention().kvHeads() * m.attention().headSize();
        double layer = m.hidden() * (2 * heads + 2 * kvHeads + 3.0 * m.ffn());
        double all = m.layers() * layer + (double) m.vocabulary() * m.hidden();
        assertThat(all / 1e9).isCloseTo(billions, within(0.001));
        assertThat(m.tiedEmbeddings()).isTrue();
    }

    @Test
    void itLiesBetweenRunFileAndOverrides() throws IOException {
        Path file = Files.writeString(directory.resolve("run.conf"), "run.steps = 7\nmodel.layers = 5");
        TrainingConfig config = TrainingConfigs.load(Optional.of(file), Optional.of("qwen3-0.6b"),
                List.of("model.hidden=64"));
        assertThat(config.run().steps()).isEqualTo(7);
        assertThat(config.model().layers()).isEqualTo(28);
        assertThat(config.model().hidden()).isEqualTo(64);
        assertThat(config.data().maxDocumentTokens()).isEqualTo(131_072);
        assertThat(config.batch().tokenCap()).isEqualTo(131_072);
    }

    @Test
    void anUnknownNameIsAnsweredWithTheNearest() {
        assertThatThrownBy(() -> load("qwen3-6b")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("there is no model 'qwen3-6b'").hasMessageContaining("did you mean qwen3-0.6b?");
        assertThatThrownBy(() -> load("llama")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("known: qwen2.5-0.5b, qwen2.5-3b, qwen3-0.6b");
    }

    @Test
    void theVocabularyHoldsAllTokensOfTheData() {
        assertThat(Replicas.model(load("qwen3-0.6b", "model.vocabulary=0"), BYTES).vocabulary()).isEqualTo(BYTES);
        TrainingConfig few = load("qwen3-0.6b", "model.vocabulary=100");
        assertThatThrownBy(() -> Replicas.model(few, BYTES)).isInstanceOf(ConfigException.class)
                .hasMessageContaining("model.vocabulary 100 is less than the 256 different tokens");
    }
}
