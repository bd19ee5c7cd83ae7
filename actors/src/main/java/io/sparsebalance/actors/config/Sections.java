package io.sparsebalance.actors.config;

import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.InvalidUtf8;
import io.sparsebalance.data.LongDocuments;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reads each section once, with the range of each key. */
final class Sections {
    private static final int MANY = 1 << 30;
    private static final String JDK_SOURCES = "jdk-sources";

    private Sections() {
    }

    static TrainingConfig read(Values v, String text, String pekko) {
        TrainingConfig config = new TrainingConfig(run(v), device(v), model(v), attention(v), data(v), batch(v),
                balance(v),
                optimizer(v), text, pekko);
        crossCheck(v, config);
        return config;
    }

    private static TrainingConfig.Run run(Values v) {
        String name = v.text("run.name");
        if (!name.matches("[A-Za-z0-9._-]+")) {
            v.error("run.name", "is \"" + name + "\", must be letters, digits, '.', '_' or '-': it names a directory");
        }
        return new TrainingConfig.Run(name, path(v.text("run.directory")),
                v.whole("run.seed", Long.MIN_VALUE, Long.MAX_VALUE),
                v.integer("run.steps", 1, MANY), v.integer("run.ranks", 1, 64),
                new TrainingConfig.Evaluation(v.integer("run.evaluation.every", 0, MANY),
                        v.whole("run.evaluation.max-tokens", 0, Long.MAX_VALUE)),
                new TrainingConfig.Checkpoint(v.integer("run.checkpoint.every", 0, MANY)),
                v.duration("run.step-timeout"));
    }

    private static TrainingConfig.DeviceSection device(Values v) {
        return new TrainingConfig.DeviceSection(v.oneOf("device.kind", List.of("cpu", "noop")),
                v.integer("device.threads-per-rank", 0, 1024));
    }

    private static TrainingConfig.Model model(Values v) {
        return new TrainingConfig.Model(v.integer("model.layers", 1, 200), v.integer("model.hidden", 8, 1 << 17),
                v.integer("model.heads", 1, 1024), v.integer("model.kv-heads", 1, 1024),
                v.integer("model.head-size", 8, 1024),
                v.integer("model.ffn", 8, 1 << 19), v.number("model.rope-theta", 1, true, Double.MAX_VALUE),
                v.number("model.norm-epsilon", 0, false, 1), v.flag("model.qk-norm"), v.flag("model.tied-embeddings"),
                v.flag("model.recompute"));
    }

    private static TrainingConfig.AttentionSection attention(Values v) {
        return new TrainingConfig.AttentionSection(v.integer("attention.block", 32, 256),
                v.integer("attention.query-tile", 16, 128), v.integer("attention.k-base", 1, MANY),
                v.integer("attention.k-min", 1, MANY), v.integer("attention.k-max", 1, MANY),
                v.integer("attention.sink-blocks", 0, 1024), v.integer("attention.local-blocks", 0, 1024));
    }

    private static TrainingConfig.Data data(Values v) {
        String source = v.text("data.source");
        String cache = v.text("data.cache-directory");
        return new TrainingConfig.Data(
                source.equals(JDK_SOURCES)
                        ? new TrainingConfig.Source.JdkSources()
                        : new TrainingConfig.Source.PathSource(path(source)),
                cache.isEmpty() ? defaultCache() : path(cache), v.integer("data.max-document-tokens", 2, 1 << 24),
                constant(LongDocuments.class, v.oneOf("data.long-documents", List.of("split", "truncate", "refuse"))),
                v.bytes("data.max-document-bytes"),
                constant(InvalidUtf8.class, v.oneOf("data.invalid-utf8", List.of("refuse", "replace"))),
                v.number("data.held-out-fraction", 0, true, 0.9));
    }

    private static TrainingConfig.Batch batch(Values v) {
        return new TrainingConfig.Batch(v.integer("batch.samples-per-step", 1, 1 << 20),
                v.integer("batch.micro-batches-per-step", 1, 1 << 20), v.integer("batch.token-cap", 2, 1 << 24),
                v.oneOf("batch.policy", BatchingPolicies.names()), v.integer("batch.plans-ahead", 1, 16),
                v.integer("batch.lookahead-window", 1, 1));
    }

    private static TrainingConfig.Balance balance(Values v) {
        String table = v.text("balance.latency-table");
        return new TrainingConfig.Balance(v.oneOf("balance.sparsity", SparsityPolicies.names()),
                constant(Anchor.class,
                        v.oneOf("balance.anchor", List.of("mean", "median", "min", "max", "iso-density"))),
                v.number("balance.guard", 0, true, 1),
                constant(TrainingConfig.Feedback.class,
                        v.oneOf("balance.feedback", List.of("full", "assignment", "off"))),
                new TrainingConfig.Straggler(v.number("balance.straggler.threshold", 1, false, 1000),
                        v.integer("balance.straggler.steps", 1, 1000)),
                table.isEmpty() ? Optional.empty() : Optional.of(path(table)));
    }

    private static TrainingConfig.Optimizer optimizer(Values v) {
        return new TrainingConfig.Optimizer(v.number("optimizer.learning-rate", 0, false, 10),
                v.number("optimizer.minimum-ratio", 0, true, 1), v.integer("optimizer.warmup-steps", 0, MANY),
                v.numbers("optimizer.betas"), v.number("optimizer.epsilon", 0, false, 1),
                v.number("optimizer.weight-decay", 0, true, 10),
                v.number("optimizer.clip-norm", 0, false, Double.MAX_VALUE));
    }

    private static void crossCheck(Values v, TrainingConfig c) {
        TrainingConfig.AttentionSection a = c.attention();
        if (c.model().heads() % c.model().kvHeads() != 0) {
            v.error("model.heads",
                    "is " + c.model().heads() + ", must be a multiple of model.kv-heads = " + c.model().kvHeads());
        }
        if (c.model().headSize() % 8 != 0) {
            v.error("model.head-size", "is " + c.model().headSize() + ", must be a multiple of 8");
        }
        if (Integer.bitCount(a.block()) != 1) {
            v.error("attention.block", "is " + a.block() + ", must be 32, 64, 128 or 256");
        }
        if (a.kMin() > a.kBase()) {
            v.error("attention.k-min", "is " + a.kMin() + ", must be at most attention.k-base = " + a.kBase());
        }
        if (a.kMax() < a.kBase()) {
            v.error("attention.k-max", "is " + a.kMax() + ", must be at least attention.k-base = " + a.kBase());
        }
        if (c.batch().tokenCap() < c.data().maxDocumentTokens()) {
            v.error("batch.token-cap", "is " + c.batch().tokenCap() + ", must be at least data.max-document-tokens = "
                    + c.data().maxDocumentTokens() + ", or the longest samples fit no micro-batch");
        }
        List<Double> betas = c.optimizer().betas();
        if (betas.size() != 2 || betas.stream().anyMatch(beta -> !(beta > 0 && beta < 1))) {
            v.error("optimizer.betas", "is " + betas + ", must be two numbers, each above 0 and below 1");
        }
    }

    private static <E extends Enum<E>> E constant(Class<E> type, String word) {
        return Enum.valueOf(type, word.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    private static Path path(String text) {
        return text.equals("~") || text.startsWith("~/")
                ? Path.of(System.getProperty("user.home") + text.substring(1))
                : Path.of(text);
    }

    private static Path defaultCache() {
        String cache = System.getenv("XDG_CACHE_HOME");
        return cache == null || cache.isBlank()
                ? Path.of(System.getProperty("user.home"), ".cache", "sparsebalance")
                : Path.of(cache, "sparsebalance");
    }
}
