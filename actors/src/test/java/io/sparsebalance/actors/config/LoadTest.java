package io.sparsebalance.actors.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Run files, overrides, substitutions, paths. */
class LoadTest {
    @TempDir
    private Path directory;

    private TrainingConfig load(String text, String... overrides) throws IOException {
        return TrainingConfigs.load(Files.writeString(directory.resolve("my.conf"), text), List.of(overrides));
    }

    @Test
    void runFileWinsOverDefaultsAndOverridesOverBoth() throws IOException {
        TrainingConfig config = load("run { steps = 9, ranks = 3 }\nbatch.policy = lbb", "run.ranks=4",
                "batch.policy=random", "batch.policy=sorted");
        assertThat(config.run().steps()).isEqualTo(9);
        assertThat(config.run().ranks()).isEqualTo(4);
        assertThat(config.batch().policy()).isEqualTo("sorted");
        assertThat(config.run().seed()).isEqualTo(TrainingConfigs.defaults(List.of()).run().seed());
    }

    @Test
    void overrideValuesNeedNoQuotes() {
        Path odd = Path.of("/data/a=b//c#d, {e}: \"f\"");
        TrainingConfig config = TrainingConfigs.defaults(List.of("data.source=" + odd, "run.step-timeout=90 s",
                "data.max-document-bytes=1MiB", "model.qk-norm=false", "optimizer.epsilon=1e-7", " run.name = x "));
        assertThat(config.data().source()).isEqualTo(new TrainingConfig.Source.PathSource(odd));
        assertThat(config.run().stepTimeout()).hasSeconds(90);
        assertThat(config.data().maxDocumentBytes()).isEqualTo(1 << 20);
        assertThat(config.model().qkNorm()).isFalse();
        assertThat(config.optimizer().epsilon()).isEqualTo(1e-7);
        assertThat(config.run().name()).isEqualTo("x");
    }

    @Test
    void overrideValuesMayBeLists() {
        TrainingConfig config = TrainingConfigs.defaults(
                List.of("optimizer.betas=[0.8, 0.9]", "run={steps=3, ranks=1}", "data.cache-directory=\"\""));
        assertThat(config.optimizer().betas()).containsExactly(0.8, 0.9);
        assertThat(config.run().steps()).isEqualTo(3);
        assertThat(config.run().ranks()).isEqualTo(1);
    }

    @Test
    void malformedOverridesAreRefused() {
        for (String bad : List.of("run.steps", "=5", "run..steps=5", "run.steps=", "run.name=\"a\", run.steps=5",
                "optimizer.betas=[0.9")) {
            assertThatThrownBy(() -> TrainingConfigs.defaults(List.of(bad))).as(bad)
                    .isInstanceOf(ConfigException.class).hasMessageContaining("--set " + bad)
                    .hasMessageContaining("key=value");
        }
    }

    @Test
    void substitutionsNameOtherKeysDefaultsAndVariables() throws IOException {
        String home = System.getenv("PATH");
        TrainingConfig config = load("""
                batch.samples-per-step = 6
                batch.micro-batches-per-step = ${batch.samples-per-step}
                attention.k-max = ${attention.k-base}
                run.directory = ${?NO_SUCH_VARIABLE_AT_ALL}
                data.source = ${PATH}
                """);
        assertThat(config.batch().microBatchesPerStep()).isEqualTo(6);
        assertThat(config.attention().kMax()).isEqualTo(config.attention().kBase());
        assertThat(config.run().directory()).isEqualTo(Path.of("runs"));
        assertThat(config.data().source()).isEqualTo(new TrainingConfig.Source.PathSource(Path.of(home)));
    }

    @Test
    void missingVariableIsAnErrorThatNamesItAndItsPlace() {
        assertThatThrownBy(() -> load("\n\ndata.source = ${NO_SUCH_VARIABLE_AT_ALL}"))
                .isInstanceOf(ConfigException.class).hasMessageContaining("my.conf: 3")
                .hasMessageContaining("NO_SUCH_VARIABLE_AT_ALL").hasMessageContaining("${?NAME}");
    }

    @Test
    void includedFilesAreReadAndNamedInErrors() throws IOException {
        Files.writeString(directory.resolve("base.conf"), "run.ranks = 5\nrun.steps = 0");
        assertThatThrownBy(() -> load("include \"base.conf\"")).hasMessageContaining("base.conf:2: run.steps is 0");
        assertThat(load("include \"base.conf\"\nrun.steps = 1").run().ranks()).isEqualTo(5);
    }

    @Test
    void missingRunFileGivesOneClearMessage() {
        Path missing = directory.resolve("none.conf");
        assertThatThrownBy(() -> TrainingConfigs.load(missing, List.of())).isInstanceOf(ConfigException.class)
                .hasMessageContaining("there is no run file " + missing).hasMessageContaining("--config");
        assertThatThrownBy(() -> TrainingConfigs.load(directory, List.of())).isInstanceOf(ConfigException.class)
                .hasMessageContaining("is a directory");
    }

    @Test
    void runFileThatIsNotHoconIsRefusedWithItsLine() {
        assertThatThrownBy(() -> load("run {\n  steps = = 3\n}")).isInstanceOf(ConfigException.class)
                .hasMessageContaining("my.conf").hasMessageContaining("2");
    }

    @Test
    void homeDirectoryIsExpandedInPaths() throws IOException {
        TrainingConfig config = load("run.directory = \"~/runs\"\ndata.source = \"~\"");
        Path home = Path.of(System.getProperty("user.home"));
        assertThat(config.run().directory()).isEqualTo(home.resolve("runs"));
        assertThat(config.data().source()).isEqualTo(new TrainingConfig.Source.PathSource(home));
    }

    @Test
    void cacheDirectoryFollowsTheUsersCacheHome() {
        assertThat(CacheDirectory.of(null, "/home/a")).isEqualTo(Path.of("/home/a/.cache/sparsebalance"));
        assertThat(CacheDirectory.of("", "/home/a")).isEqualTo(Path.of("/home/a/.cache/sparsebalance"));
        assertThat(CacheDirectory.of("relative", "/home/a")).isEqualTo(Path.of("/home/a/.cache/sparsebalance"));
        assertThat(CacheDirectory.of("/fast/cache", "/home/a")).isEqualTo(Path.of("/fast/cache/sparsebalance"));
    }

    @Test
    void pekkoSectionIsPassedOnAndMayNameItsOwnDefaults() {
        Config user = ConfigFactory.parseString("""
                run.ranks = 3
                pekko { loglevel = DEBUG, x = ${pekko.actor.provider}, y = ${run.ranks}, z = ${run.seed} }
                """);
        Config pekko = ConfigFactory.parseString(TrainingConfigs.of(user).pekko())
                .withFallback(ConfigFactory.parseString("pekko.actor.provider = local")).resolve();
        assertThat(pekko.getString("pekko.loglevel")).isEqualTo("DEBUG");
        assertThat(pekko.getString("pekko.x")).isEqualTo("local");
        assertThat(pekko.getInt("pekko.y")).isEqualTo(3);
        assertThat(pekko.getInt("pekko.z")).isEqualTo(1);
        assertThat(pekko.root().keySet()).containsExactly("pekko");
    }

    @Test
    void configurationOfAHostApplicationMayHoldTheDefaultsToo() {
        Config host = ConfigFactory.parseString("sparsebalance.run.steps = 4")
                .withFallback(ConfigFactory.parseResources("reference.conf")).getConfig("sparsebalance");
        assertThat(TrainingConfigs.of(host).run().steps()).isEqualTo(4);
    }
}
