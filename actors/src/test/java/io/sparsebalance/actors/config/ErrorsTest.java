package io.sparsebalance.actors.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.ConfigException;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused, and how it is said. */
class ErrorsTest {
    private static List<String> errors(String text) {
        ConfigException e = catchThrowableOfType(ConfigException.class,
                () -> TrainingConfigs.of(ConfigFactory.parseString(text,
                        ConfigParseOptions.defaults().setOriginDescription("run file"))));
        return e == null ? List.of() : e.getMessage().lines().toList();
    }

    private static String error(String text) {
        assertThat(errors(text)).as(text).hasSize(1);
        return errors(text).getFirst();
    }

    @ParameterizedTest
    @CsvSource({"batch.polcy, batch.policy", "batch.tokenCap, batch.token-cap", "batch.token_cap, batch.token-cap",
        "ranks, run.ranks", "model.num-layers, model.layers", "optimizer.lerning-rate, optimizer.learning-rate",
        "attention.kbase, attention.k-base", "blance, balance", "run.evaluation.evrey, run.evaluation.every",
        "data.max-doc-tokens, data.max-document-tokens", "model.learning-rate, optimizer.learning-rate",
        "attention.k-mxa, attention.k-max"})
    void unknownKeyIsRefusedWithTheNearestName(String key, String meant) {
        assertThat(error("\n" + key + " = 1"))
                .isEqualTo("run file: 2: unknown key " + key + "; did you mean " + meant + "?");
    }

    @Test
    void unknownKeyFarFromAllGetsTheKeysOfItsSection() {
        assertThat(error("batch.zzzzzz = 1"))
                .contains("unknown key batch.zzzzzz; batch has the keys samples-per-step, micro-batches-per-step")
                .doesNotContain("did you mean");
        assertThat(error("qqq = 1")).contains("the sections are run, device, model");
    }

    @Test
    void defaultsWrappedInTheirOuterSectionAreExplained() {
        assertThat(error("sparsebalance { run.steps = 3 }")).contains("at the root of the run file");
    }

    @Test
    void unknownKeyOnTheCommandLineNamesTheOverride() {
        ConfigException e = catchThrowableOfType(ConfigException.class,
                () -> TrainingConfigs.defaults(List.of("run.step=5")));
        assertThat(e).hasMessage("--set run.step=5: unknown key run.step; did you mean run.steps?");
        ConfigException section = catchThrowableOfType(ConfigException.class,
                () -> TrainingConfigs.defaults(List.of("balnce.policy=sab")));
        assertThat(section).hasMessage("--set balnce.policy=sab: unknown key balnce; did you mean balance?");
    }

    @Test
    void sectionAndValueAreNotConfused() {
        assertThat(error("run = 5")).contains("run is a section, not a single value; its keys are name, directory");
        assertThat(error("run = null")).contains("run is a section");
        assertThat(error("run.steps { every = 3 }")).contains("run.steps is a single value, not a section")
                .contains("every");
    }

    @ParameterizedTest
    @ValueSource(strings = {"run.steps = 0", "run.steps = 2.5", "run.steps = many", "run.steps = [1]",
        "run.steps = null", "run.steps = true", "run.steps = 99999999999", "run.steps = 1e99",
        "run.steps = 99999999999999999999999", "run.ranks = 0", "run.ranks = 65", "run.seed = 0.5",
        "run.name = \"a/b\"", "run.name = \"\"", "run.name = \"..\"", "run.directory = \"\"",
        "run.evaluation.every = -1", "run.checkpoint.every = -1", "run.step-timeout = 120",
        "run.step-timeout = 0s", "run.step-timeout = soon", "run.step-timeout = 999999999d",
        "run.step-timeout = -5s", "device.kind = gpu", "device.threads-per-rank = -1", "device.gradients = f16",
        "device.share-parameters = some", "device.query-gradients = atomic", "model.layers = 0",
        "model.hidden = 0", "model.heads = 3", "model.heads = 0", "model.kv-heads = 0", "model.kv-heads = 3",
        "model.head-size = 20", "model.head-size = 0", "model.rope-theta = 1", "model.rope-theta = NaN",
        "model.rope-theta = Infinity", "model.rope-theta = 1e60", "model.norm-epsilon = 0",
        "model.norm-epsilon = 1e-60", "model.qk-norm = maybe", "attention.block = 48", "attention.block = 16",
        "attention.block = 512", "attention.query-tile = 8", "attention.query-tile = 129",
        "attention.k-base = 0", "attention.k-min = 0", "attention.k-min = 1000", "attention.k-max = 1",
        "attention.k-base = 1000", "attention.sink-blocks = -1", "attention.local-blocks = -1",
        "data.source = \"\"", "data.max-document-tokens = 1", "data.max-document-tokens = 40000",
        "data.long-documents = drop", "data.max-document-bytes = 0", "data.max-document-bytes = 5 apples",
        "data.invalid-utf8 = skip", "data.held-out-fraction = 1", "data.held-out-fraction = -0.1",
        "data.held-out-fraction = 0.9999999999", "batch.samples-per-step = 0",
        "batch.micro-batches-per-step = 0", "batch.token-cap = 100", "batch.policy = best",
        "batch.plans-ahead = 0", "batch.lookahead-window = 0", "batch.lookahead-window = 65", "balance.sparsity = none",
        "balance.anchor = average", "balance.guard = 1.1", "balance.guard = -0.1", "balance.feedback = yes",
        "balance.straggler.threshold = 1", "balance.straggler.steps = 0", "balance.straggler.evict = 1",
        "balance.max-change = 1", "balance.hysteresis = 1", "balance.hysteresis = -0.1", "optimizer.learning-rate = 0",
        "optimizer.minimum-ratio = 2", "optimizer.warmup-steps = -1", "optimizer.betas = [0.9]",
        "optimizer.betas = [0.9, 1]", "optimizer.betas = [0, 0.9]", "optimizer.betas = 0.9",
        "optimizer.betas = [a, b]", "optimizer.betas = [0.9, 0.99999999999]", "optimizer.betas = [[0.9], [0.9]]",
        "optimizer.epsilon = 0", "optimizer.weight-decay = -1", "optimizer.clip-norm = 0"})
    void valueThatCannotBeUsedIsRefusedOnceWithKeyValuePlaceAndRange(String text) {
        String key = text.substring(0, text.indexOf(' '));
        String value = text.substring(text.indexOf("= ") + 2);
        assertThat(error("\n" + text)).startsWith("run file: 2: ").containsPattern(Pattern.quote(key) + "( is | = )")
                .contains(" is ", "must be ");
        if (value.matches("[a-z]+|[0-9]+")) {
            assertThat(error(text)).contains(value);
        }
    }

    @Test
    void rangesAreSaidInPlainWords() {
        assertThat(error("run.ranks = 0")).isEqualTo("run file: 1: run.ranks is 0, must be a whole number, 1 to 64");
        assertThat(error("balance.guard = 2"))
                .isEqualTo("run file: 1: balance.guard is 2, must be a number at least 0 and at most 1");
        assertThat(error("optimizer.clip-norm = 0")).endsWith("must be a number above 0");
        assertThat(error("run.step-timeout = 120")).endsWith("must be a time with its unit, 1ms to 7d");
        assertThat(error("batch.policy = sabb"))
                .endsWith("is \"sabb\", must be one of random, sorted, lbb, sab; did you mean sab?");
    }

    @Test
    void relationIsReportedAtTheKeyThatWasSet() {
        assertThat(error("attention.k-max = 3")).startsWith("run file: 1: attention.k-base is ")
                .endsWith("must be at most attention.k-max = 3");
        assertThat(error("attention { k-base = 100 }")).startsWith("run file: 1: attention.k-base is 100, ");
        assertThat(error("data.max-document-tokens = 40000"))
                .startsWith("run file: 1: batch.token-cap is ").contains("data.max-document-tokens = 40000");
    }

    @Test
    void gradientsInBf16AndSharedParametersAreRefusedWhereTheyCannotBe() {
        assertThat(errors("device { kind = cuda, gradients = bf16, share-parameters = true }")).isEmpty();
        assertThat(error("device.gradients = bf16")).contains("can be bf16 only with device.kind = cuda");
        assertThat(error("device { kind = cuda, gradients = bf16 }\nrun.reduction = exact"))
                .contains("must be f32 while run.reduction is exact");
        assertThat(error("device { kind = cuda, gradients = bf16 }\nrun.collective = nccl"))
                .contains("must be f32 while run.collective is nccl");
        assertThat(error("device.share-parameters = true\ncluster.run = big"))
                .contains("must be false while cluster.run is set");
    }

    @Test
    void severalErrorsAreReportedTogether() {
        assertThat(errors("""
                run.steps = 0
                run.rank = 2
                device = small
                batch.policy = best
                optimizer { betas = [2, 0.9], betta = 3 }
                model.heads = 3
                attention { k-base = 100, k-max = 0 }
                """)).hasSize(8).doesNotHaveDuplicates();
    }

    @Test
    void wholeNumbersMayBeWrittenWithAnExponentOrAsText() {
        assertThat(errors("run.steps = 1e3\nrun.ranks = \"4\"\nrun.seed = -9223372036854775808")).isEmpty();
    }

    @Test
    void limitsOfRangesAreAllowed() {
        assertThat(errors("""
                run { steps = 1, ranks = 64, evaluation { every = 0, max-tokens = 0 }, checkpoint.every = 0 }
                run.step-timeout = 7d
                attention { k-base = 1, k-min = 1, k-max = 1, sink-blocks = 0, local-blocks = 0, query-tile = 16 }
                data { held-out-fraction = 0, max-document-tokens = 2 }
                batch { token-cap = 2, samples-per-step = 1, micro-batches-per-step = 1 }
                balance.guard = 0
                optimizer { minimum-ratio = 0, warmup-steps = 0, weight-decay = 0 }
                """)).isEmpty();
        assertThat(errors("balance.guard = 1\noptimizer.minimum-ratio = 1\nbatch.plans-ahead = 16")).isEmpty();
    }
}
