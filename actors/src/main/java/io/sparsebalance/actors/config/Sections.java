package io.sparsebalance.actors.config;

import io.sparsebalance.api.CollectiveKind;
import io.sparsebalance.api.GradientType;
import io.sparsebalance.api.QueryGradients;
import io.sparsebalance.api.Reduction;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.InvalidUtf8;
import io.sparsebalance.data.LongDocuments;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.step.Feedback;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Reads each section once, with the range of each key. */
final class Sections {
    /** Far above any use, and far enough below 2^31 for sums of two. */
    private static final int MANY = 1 << 30;
    private static final String JDK_SOURCES = "jdk-sources";
    private static final Range FROM_ZERO_TO_ONE = Range.closed(0, 1);
    private static final Range POSITIVE = Range.above(0, Double.POSITIVE_INFINITY);

    private Sections() {
    }

    /**
     * The configuration; not to be used if {@code v} has errors afterwards.
     *
     * @param text the whole configuration as HOCON
     * @param pekko settings for the actor system as HOCON
     */
    static TrainingConfig read(Values v, String text, String pekko) {
        TrainingConfig config = new TrainingConfig(run(v), device(v), model(v), attention(v), data(v), batch(v),
                balance(v), optimizer(v), cluster(v), text, pekko);
        Relations.check(v, config);
        return config;
    }

    private static TrainingConfig.Run run(Values v) {
        String name = v.text("run.name");
        if (!name.matches("[A-Za-z0-9._-]{1,100}") || name.startsWith(".")) {
            v.error("run.name", "must be 1 to 100 letters, digits, '.', '_' or '-', and not begin with '.': it names a"
                    + " directory");
        }
        return new TrainingConfig.Run(name, v.path("run.directory"),
                v.whole("run.seed", Long.MIN_VALUE, Long.MAX_VALUE), v.integer("run.steps", 1, MANY),
                v.integer("run.ranks", 1, 64), v.constant("run.reduction", Reduction.class),
                v.constant("run.collective", CollectiveKind.class), v.bytesOrNone("run.reduce-bucket"),
                new TrainingConfig.Evaluation(v.integer("run.evaluation.every", 0, MANY),
                        v.whole("run.evaluation.max-tokens", 0, Long.MAX_VALUE)),
                new TrainingConfig.Checkpoint(v.integer("run.checkpoint.every", 0, MANY)),
                v.duration("run.step-timeout", Duration.ofMillis(1), Duration.ofDays(7)));
    }

    private static TrainingConfig.DeviceSection device(Values v) {
        return new TrainingConfig.DeviceSection(v.oneOf("device.kind", List.of("auto", "cpu", "cuda", "noop")),
                v.integer("device.threads-per-rank", 0, 1024), v.bytesOrNone("device.memory-budget"),
                v.constant("device.gradients", GradientType.class), v.flag("device.share-parameters"),
                v.constant("device.query-gradients", QueryGradients.class));
    }

    private static TrainingConfig.Model model(Values v) {
        return new TrainingConfig.Model(v.integer("model.vocabulary", 0, 1 << 24), v.integer("model.layers", 1, 200),
                v.integer("model.hidden", 8, 1 << 17),
                v.integer("model.heads", 1, 1024), v.integer("model.kv-heads", 1, 1024),
                v.integer("model.head-size", 8, 1024), v.integer("model.ffn", 8, 1 << 19),
                v.number("model.rope-theta", Range.above(1, Double.POSITIVE_INFINITY)),
                v.number("model.norm-epsilon", Range.above(0, 1)), v.flag("model.qk-norm"),
                v.flag("model.tied-embeddings"), v.flag("model.recompute"),
                v.integer("model.kept-layers", 0, 200));
    }

    private static TrainingConfig.AttentionSection attention(Values v) {
        return new TrainingConfig.AttentionSection(v.integer("attention.block", 32, 256),
                v.integer("attention.query-tile", 16, 128), v.integer("attention.k-base", 1, MANY),
                v.integer("attention.k-min", 1, MANY), v.integer("attention.k-max", 1, MANY),
                v.integer("attention.sink-blocks", 0, 1024), v.integer("attention.local-blocks", 0, 1024));
    }

    private static TrainingConfig.Data data(Values v) {
        return new TrainingConfig.Data(
                v.text("data.source").equals(JDK_SOURCES)
                        ? new TrainingConfig.Source.JdkSources()
                        : new TrainingConfig.Source.PathSource(v.path("data.source")),
                v.optionalPath("data.cache-directory").orElseGet(CacheDirectory::ofUser),
                v.integer("data.max-document-tokens", 2, 1 << 24),
                v.constant("data.long-documents", LongDocuments.class), v.bytes("data.max-document-bytes"),
                v.constant("data.invalid-utf8", InvalidUtf8.class),
                v.number("data.held-out-fraction", Range.below(0, 1)));
    }

    private static TrainingConfig.Batch batch(Values v) {
        return new TrainingConfig.Batch(v.integer("batch.samples-per-step", 1, 1 << 20),
                v.integer("batch.micro-batches-per-step", 1, 1 << 20), v.integer("batch.token-cap", 2, 1 << 24),
                v.oneOf("batch.policy", BatchingPolicies.names()), v.integer("batch.plans-ahead", 1, 16),
                v.integer("batch.lookahead-window", 1, 64));
    }

    private static TrainingConfig.Balance balance(Values v) {
        return new TrainingConfig.Balance(v.oneOf("balance.sparsity", SparsityPolicies.names()),
                v.constant("balance.anchor", Anchor.class), v.number("balance.guard", FROM_ZERO_TO_ONE),
                v.constant("balance.feedback", Feedback.class),
                v.number("balance.max-change", Range.above(1, 1000)), v.number("balance.hysteresis", Range.below(0, 1)),
                new TrainingConfig.Straggler(v.number("balance.straggler.threshold", Range.above(1, 1000)),
                        v.integer("balance.straggler.steps", 1, 1000), v.flag("balance.straggler.evict")),
                v.optionalPath("balance.latency-table"));
    }

    private static TrainingConfig.Optimizer optimizer(Values v) {
        return new TrainingConfig.Optimizer(v.number("optimizer.learning-rate", Range.above(0, 10)),
                v.number("optimizer.minimum-ratio", FROM_ZERO_TO_ONE), v.integer("optimizer.warmup-steps", 0, MANY),
                v.numbers("optimizer.betas", 2, Range.open(0, 1)), v.number("optimizer.epsilon", Range.above(0, 1)),
                v.number("optimizer.weight-decay", Range.closed(0, 10)), v.number("optimizer.clip-norm", POSITIVE),
                v.integer("optimizer.max-skipped-steps", 0, MANY));
    }

    private static TrainingConfig.Cluster cluster(Values v) {
        String run = v.text("cluster.run");
        if (!run.isEmpty() && !run.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,199}")) {
            v.error("cluster.run",
                    "must be up to 200 letters, digits, '.', '_' or '-', and begin with a letter or digit:"
                            + " it names a directory");
        }
        List<TrainingConfig.Role> roles = v.constants("cluster.roles", TrainingConfig.Role.class);
        if (roles.isEmpty()) {
            v.error("cluster.roles", "must name control, worker, or both");
        }
        List<String> seeds = v.texts("cluster.seeds");
        if (!seeds.stream().allMatch(seed -> seed.matches("[^:/@\\s]+:[0-9]{1,5}"))) {
            v.error("cluster.seeds", "must be a list of host:port");
        }
        return new TrainingConfig.Cluster(run, v.text("cluster.host"),
                Optional.of(v.text("cluster.bind-host")).filter(text -> !text.isEmpty()),
                v.integer("cluster.port", 0, 65_535), v.integer("cluster.data-port", 0, 65_535), seeds,
                roles, v.integer("cluster.control-nodes", 1, 99), v.integer("cluster.worker-nodes", 1, 4096),
                v.integer("cluster.health-port", 0, 65_535),
                v.integer("cluster.least-ranks", 1, 1 << 16),
                v.duration("cluster.form-timeout", Duration.ofSeconds(1), Duration.ofDays(1)),
                v.constant("cluster.detection", TrainingConfig.Detection.class),
                v.integer("cluster.max-recoveries", 0, MANY), tls(v),
                v.flag("cluster.insecure-plaintext-on-the-network-i-accept-the-risk"), v.flag("cluster.fault-hooks"));
    }

    private static Optional<TrainingConfig.Tls> tls(Values v) {
        List<String> keys = List.of("cluster.tls.certificate", "cluster.tls.key", "cluster.tls.authority");
        List<Path> files = keys.stream().map(v::optionalPath).flatMap(Optional::stream).toList();
        if (files.isEmpty()) {
            return Optional.empty();
        }
        if (files.size() < keys.size()) {
            keys.stream().filter(key -> v.text(key).isEmpty()).forEach(key -> v.error(key,
                    "must be a file, since the others of cluster.tls are; \"sparsebalance certs\" makes all three"));
            return Optional.empty();
        }
        return Optional.of(new TrainingConfig.Tls(files.get(0), files.get(1), files.get(2)));
    }
}
