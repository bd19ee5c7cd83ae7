package io.sparsebalance.api;

import io.sparsebalance.data.InvalidUtf8;
import io.sparsebalance.data.LongDocuments;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.step.Feedback;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * A validated run configuration; made by {@code TrainingConfigs}. The keys and their meaning are documented in
 * {@code reference.conf}; a component {@code batch.tokenCap} is the key {@code batch.token-cap}.
 *
 * @param text all of it as HOCON, defaults included
 * @param pekko settings for the run's own actor system as HOCON; empty for none
 */
public record TrainingConfig(Run run, DeviceSection device, Model model, AttentionSection attention, Data data,
        Batch batch,
        Balance balance, Optimizer optimizer, Cluster cluster, String text, String pekko) {

    /**
     * {@code run}: what is run and where it is kept.
     *
     * @param reduceBucket bytes of gradient that are reduced at once, 0 for all
     */
    public record Run(String name, Path directory, long seed, int steps, int ranks, Reduction reduction,
            CollectiveKind collective, long reduceBucket, Evaluation evaluation, Checkpoint checkpoint,
            Duration stepTimeout) {}

    /**
     * {@code run.evaluation}.
     *
     * @param every steps between evaluations on held-out documents; the last step always is; 0 for never
     * @param maxTokens held-out tokens read at most, whole samples, the same ones each time
     */
    public record Evaluation(int every, long maxTokens) {}

    /** {@code run.checkpoint}: steps between checkpoints, 0 for only at the end. */
    public record Checkpoint(int every) {}

    /**
     * {@code device}.
     *
     * @param kind {@code auto}, {@code cpu}, {@code cuda} or {@code noop}
     * @param threadsPerRank threads of each rank's device, 0 for cores / ranks, at least 1
     * @param memoryBudget bytes of device memory for each rank, 0 for its share of what is there
     * @param gradients type of the gradient of weights
     * @param shareParameters ranks of the process have parameters and moments together
     * @param queryGradients how attention's backward sums up gradients of queries
     */
    public record DeviceSection(String kind, int threadsPerRank, long memoryBudget, GradientType gradients,
            boolean shareParameters, QueryGradients queryGradients) {
        /** The same of another kind. */
        public DeviceSection withKind(String other) {
            return new DeviceSection(other, threadsPerRank, memoryBudget, gradients, shareParameters, queryGradients);
        }
    }

    /**
     * {@code model}: shape of the decoder.
     *
     * @param vocabulary rows of the embedding, or 0 for as many as the data has different tokens
     * @param recompute run a layer again in the backward instead of keeping its activations
     * @param keptLayers of the last layers, how many keep them nevertheless
     */
    public record Model(int vocabulary, int layers, int hidden, int heads, int kvHeads, int headSize, int ffn,
            double ropeTheta,
            double normEpsilon, boolean qkNorm, boolean tiedEmbeddings, boolean recompute, int keptLayers) {}

    /** {@code attention}: blocks and budgets. */
    public record AttentionSection(int block, int queryTile, int kBase, int kMin, int kMax, int sinkBlocks,
            int localBlocks) {}

    /** {@code data}: where text comes from and how it becomes samples. */
    public record Data(Source source, Path cacheDirectory, int maxDocumentTokens, LongDocuments longDocuments,
            long maxDocumentBytes, InvalidUtf8 invalidUtf8, double heldOutFraction) {}

    /** {@code data.source}: the JDK's own sources, or a directory, archive or .jsonl file. */
    public sealed interface Source {
        /** The sources that come with the JDK, or, where there are none, source jars of this project's dependencies. */
        record JdkSources() implements Source {}

        /** A path of the user. */
        record PathSource(Path path) implements Source {}
    }

    /** {@code batch}: samples of a step and their placing. */
    public record Batch(int samplesPerStep, int microBatchesPerStep, int tokenCap, String policy, int plansAhead,
            int lookaheadWindow) {}

    /** {@code balance}: budgets and stragglers. */
    public record Balance(String sparsity, Anchor anchor, double guard, Feedback feedback, double maxChange,
            double hysteresis, Straggler straggler, Optional<Path> latencyTable) {}

    /** {@code balance.straggler}: busy / predicted above the threshold for this many steps is flagged; what then. */
    public record Straggler(double threshold, int steps, boolean evict) {}

    /**
     * {@code cluster}: how nodes find each other; not used by a run in one process.
     *
     * @param run name of the run's directory under {@code run.directory}, the same on all nodes; empty until one is given
     * @param host address that other nodes reach this one at
     * @param bindHost address to listen at, if it is not {@code host}
     * @param port of this node, 0 for any that is free
     * @param dataPort first of {@code run.ranks} ports for gradients and parameters, 0 for any that are free
     * @param seeds {@code host:port} of nodes to join; this node's own address first, or none at all, to begin a cluster
     * @param controlNodes nodes with role {@code control} that the cluster is planned with
     * @param workerNodes nodes with role {@code worker} that the first step waits for
     * @param healthPort port of the probes, 0 for none
     * @param leastRanks ranks without which the run waits for others
     * @param tls files of this node's certificate; empty for plain TCP
     * @param plaintextAccepted whether plain TCP is wanted even on a network
     * @param faultHooks whether orders from its launcher may make this node fail
     */
    public record Cluster(String run, String host, Optional<String> bindHost, int port, int dataPort,
            List<String> seeds, List<Role> roles, int controlNodes,
            int workerNodes, int healthPort, int leastRanks, Duration formTimeout, Detection detection,
            int maxRecoveries, Optional<Tls> tls, boolean plaintextAccepted, boolean faultHooks) {
        /** Copies. */
        public Cluster {
            seeds = List.copyOf(seeds);
            roles = List.copyOf(roles);
        }

        /** Address that this node listens at. */
        public String listenHost() {
            return bindHost.orElse(host);
        }
    }

    /**
     * {@code cluster.tls}: PEM files that let a node in; {@code sparsebalance certs} makes them.
     *
     * @param certificate of this node
     * @param key that belongs to it
     * @param authority certificate of the job's authority, the same on all nodes
     */
    public record Tls(Path certificate, Path key, Path authority) {}

    /** What a node is there for. */
    public enum Role {
        /** May become the coordinator. */
        CONTROL,
        /** Has ranks. */
        WORKER
    }

    /** How soon a silent node is taken for lost. */
    public enum Detection {
        /** After some five seconds: machines may be busy, and networks wide. */
        DEFAULT,
        /** After some one and a half seconds. */
        TIGHT
    }

    /**
     * {@code optimizer}: AdamW with warm-up and cosine.
     *
     * @param maxSkippedSteps in a row, because their gradients are not finite, before the run ends
     */
    public record Optimizer(double learningRate, double minimumRatio, int warmupSteps, List<Double> betas,
            double epsilon,
            double weightDecay, double clipNorm, int maxSkippedSteps) {
        /** Copies. */
        public Optimizer {
            betas = List.copyOf(betas);
        }
    }
}
