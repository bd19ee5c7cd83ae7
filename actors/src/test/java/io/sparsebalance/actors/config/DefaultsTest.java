package io.sparsebalance.actors.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.InvalidUtf8;
import io.sparsebalance.data.LongDocuments;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.step.Feedback;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The defaults, and the whole configuration as text. */
class DefaultsTest {
    private final TrainingConfig defaults = TrainingConfigs.defaults(List.of());

    @Test
    void defaultsPassTheirOwnChecks() {
        assertThat(defaults.run().ranks()).isEqualTo(2);
        assertThat(defaults.run().stepTimeout()).hasSeconds(120);
        assertThat(defaults.device().kind()).isEqualTo("cpu");
        assertThat(defaults.data().source()).isEqualTo(new TrainingConfig.Source.JdkSources());
        assertThat(defaults.data().longDocuments()).isEqualTo(LongDocuments.SPLIT);
        assertThat(defaults.data().invalidUtf8()).isEqualTo(InvalidUtf8.REFUSE);
        assertThat(defaults.data().maxDocumentBytes()).isEqualTo(16L << 20);
        assertThat(defaults.data().cacheDirectory()).isAbsolute().endsWithRaw(java.nio.file.Path.of("sparsebalance"));
        assertThat(defaults.balance().latencyTable()).isEmpty();
        assertThat(defaults.balance().maxChange()).isEqualTo(2);
        assertThat(defaults.balance().straggler().evict()).isFalse();
        assertThat(defaults.balance().feedback()).isEqualTo(Feedback.FULL);
        assertThat(defaults.optimizer().betas()).containsExactly(0.9, 0.95);
        assertThat(defaults.pekko()).isEmpty();
    }

    @Test
    void renderedTextLoadsToTheSameConfiguration() {
        TrainingConfig changed = TrainingConfigs.of(ConfigFactory.parseString("""
                run { name = legal, step-timeout = 5 minutes }
                balance { anchor = iso-density, straggler.steps = 7 }
                data.source = "/a path/with \\"quotes\\" and # signs"
                optimizer.betas = [0.8, 0.99]
                """));
        for (TrainingConfig config : List.of(defaults, changed)) {
            TrainingConfig again = TrainingConfigs.of(ConfigFactory.parseString(TrainingConfigs.render(config)));
            assertThat(withoutText(again)).isEqualTo(withoutText(config));
        }
        assertThat(changed.balance().anchor()).isEqualTo(Anchor.ISO_DENSITY);
    }

    @Test
    void everyKeyIsRenderedWithItsMeaning() {
        List<String> lines = TrainingConfigs.render(defaults).lines().toList();
        for (int i = 0; i < lines.size(); i++) {
            if (lines.get(i).contains(" = ")) {
                assertThat(lines.get(i - 1).strip()).as("line before %s", lines.get(i)).startsWith("# ");
            }
        }
        assertThat(lines.stream().filter(line -> line.contains("# Set by"))).isEmpty();
    }

    @Test
    void sectionsAndKeysAreRenderedInTheOrderOfTheReference() {
        Map<Integer, String> found = new TreeMap<>();
        String text = TrainingConfigs.render(defaults);
        List<String> names = List.of("run {", "evaluation {", "device {", "model {", "layers =", "hidden =", "heads =",
                "attention {", "data {", "batch {", "balance {", "optimizer {");
        names.forEach(name -> found.put(text.indexOf(name), name));
        assertThat(found.values()).containsExactlyElementsOf(names);
    }

    @Test
    void renderedTextSaysWhereAKeyWasSetAndOverWhichDefault() {
        int standard = defaults.run().steps();
        String text = TrainingConfigs.render(TrainingConfigs.defaults(List.of("run.steps=7")));
        assertThat(text).contains("# Set by --set run.steps=7; default " + standard + "\n  steps = 7\n");
    }

    @Test
    void numbersAreRenderedAsTheyWereWritten() {
        assertThat(TrainingConfigs.render(TrainingConfigs.defaults(List.of("run.steps=1e3"))))
                .contains("norm-epsilon = 1e-6\n", "steps = 1e3\n");
    }

    @Test
    void renderedTextKeepsPekkoSettingsToItself() {
        TrainingConfig config = TrainingConfigs.of(ConfigFactory.parseString("pekko.remote.secret = xyzzy"));
        assertThat(TrainingConfigs.render(config)).doesNotContain("xyzzy").contains("pekko");
        assertThat(config.pekko()).contains("xyzzy");
    }

    private static TrainingConfig withoutText(TrainingConfig c) {
        return new TrainingConfig(c.run(), c.device(), c.model(), c.attention(), c.data(), c.batch(), c.balance(),
                c.optimizer(), c.cluster(), "", c.pekko());
    }
}
