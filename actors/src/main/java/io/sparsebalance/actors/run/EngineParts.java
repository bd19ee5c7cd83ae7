package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.NcclCollective;
import io.sparsebalance.actors.profile.CountedTable;
import io.sparsebalance.actors.profile.LatencyProfile;
import io.sparsebalance.actors.profile.Profiles;
import io.sparsebalance.actors.rank.NoopRankWorker;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.actors.training.RankWorkerFactory;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.CollectiveKind;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.Reduction;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.Corpora;
import io.sparsebalance.data.DefaultCorpus;
import io.sparsebalance.data.DocumentSource;
import io.sparsebalance.data.DocumentSources;
import io.sparsebalance.data.StoreSettings;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.data.TokenStore;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.SharedParameters;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** Puts a run together from its configuration: samples, latency table, devices and replicas. */
final class EngineParts implements PartsFactory {
    private static final String NOOP = "noop";
    private static final String CPU = "cpu";

    private final Corpus.Opener samples;
    private final Optional<Path> checkpoints;
    private final boolean resumes;

    /**
     * @param checkpoints directory of checkpoints whose newest every replica begins from, instead of initial parameters
     * @param resumes whether that is a checkpoint of the same run, if there is one, rather than of another run
     */
    EngineParts(Corpus.Opener samples, Optional<Path> checkpoints, boolean resumes) {
        this.samples = samples;
        this.checkpoints = checkpoints;
        this.resumes = resumes;
    }

    @Override
    public RunParts prepare(String runId, TrainingConfig given, Consumer<String> progress) {
        TrainingConfig config = Replicas.withKnownDevice(given, progress);
        Corpus corpus = samples.open(config, progress);
        TokenSource tokens = corpus.tokens();
        try {
            ModelConfig model = Replicas.model(config, tokens.vocabulary());
            Latency latency = latency(config, model, progress);
            RunInfo info = new RunInfo(runId, config.run().directory(), config.run().steps(), config.run().ranks(), 0,
                    tokens.numSamples(TokenSource.Split.TRAIN), corpus.trainTokens(),
                    tokens.numSamples(TokenSource.Split.HELD_OUT), tokens.fingerprint(),
                    config.device().kind() + ", " + Replicas.threadsPerRank(config, config.run().ranks())
                            + " thread(s) a rank",
                    latency.summary(), corpus.documents());
            return new RunParts(config, info, tokens, corpus.order(), latency.model(),
                    workers(config, model, tokens));
        } catch (RuntimeException e) {
            tokens.close();
            throw e;
        }
    }

    static TokenStore openCorpus(TrainingConfig config, Consumer<String> progress) {
        TrainingConfig.Data data = config.data();
        DocumentSource source = switch (data.source()) {
            case TrainingConfig.Source.JdkSources() -> DefaultCorpus.find();
            case TrainingConfig.Source.PathSource(Path path) -> DocumentSources.of(path);
        };
        StoreSettings settings = new StoreSettings(data.maxDocumentTokens(), data.longDocuments(),
                data.maxDocumentBytes(),
                data.invalidUtf8(), data.heldOutFraction());
        return Corpora.open(source, settings, data.cacheDirectory(), progress);
    }

    private RankWorkerFactory workers(TrainingConfig config, ModelConfig model, TokenSource tokens) {
        if (config.device().kind().equals(NOOP)) {
            return (rank, collective) -> new NoopRankWorker(collective);
        }
        int[] coverageBudgets = Replicas.coverageBudgets(config.attention());
        Optional<SharedParameters> shared = Replicas.shared(config, config.run().ranks());
        Optional<CpuWarmUp> warmUp = joinsOnCpu(config)
                ? Optional.of(CpuWarmUp.start(config, model))
                : Optional.empty();
        return (rank, given) -> {
            warmUp.ifPresent(CpuWarmUp::await);
            Device device = Replicas.device(config, rank, config.run().ranks());
            Trainer trainer = Replicas.trainer(device, config, model, UnaryOperator.identity(), shared);
            long loadedStep = load(device, trainer);
            Collective collective = collective(config, device, given);
            return new EngineRankWorker(device, trainer, tokens, collective,
                    reduction(config, device, trainer, collective), coverageBudgets, config.batch().tokenCap(),
                    resumes ? loadedStep : 0);
        };
    }

    /** Whether others train already, who would wait for what is slow at first here. All that start together are slow together. */
    private boolean joinsOnCpu(TrainingConfig config) {
        try {
            return resumes && config.device().kind().equals(CPU)
                    && SharedRun.hasBegun(SharedRun.path(config));
        } catch (IOException e) {
            throw new ConfigException("the run's directory cannot be read: " + e.getMessage());
        }
    }

    private static Collective collective(TrainingConfig config, Device device, Collective given) {
        CollectiveKind kind = config.run().collective();
        boolean overHost = kind == CollectiveKind.HOST || config.run().reduction() == Reduction.EXACT
                || (kind == CollectiveKind.AUTO && !device.isAccelerator());
        return overHost
                ? given
                : new NcclCollective(given, device::links, kind == CollectiveKind.NCCL, config.run().stepTimeout());
    }

    /** How a replica's gradients are reduced; closes device and replica if that fails. */
    static GradientReduction reduction(TrainingConfig config, Device device, Trainer trainer,
            Collective collective) {
        int numRanks = config.run().ranks();
        // Ranks of other nodes come and go; those of one process are all there are.
        boolean alone = numRanks == 1 && config.cluster().run().isEmpty();
        boolean inBuckets = !alone && config.run().reduceBucket() > 0 && trainer.gradients().isAddressable();
        try {
            return switch (config.run().reduction()) {
                case FAST -> {
                    FastReduction fast = new FastReduction(device, collective, alone);
                    yield inBuckets ? bucketed(config, trainer, fast) : fast;
                }
                case EXACT -> {
                    ExactReduction exact = new ExactReduction(device, collective, trainer.numParameters(),
                            Replicas.threadsPerRank(config, numRanks));
                    yield inBuckets ? bucketed(config, trainer, exact) : exact;
                }
            };
        } catch (RuntimeException e) {
            try (device; trainer) {
                throw e;
            }
        }
    }

    private static GradientReduction bucketed(TrainingConfig config, Trainer trainer, PieceReduction pieces) {
        return new BucketedReduction(pieces, trainer.gradients(),
                new Buckets(trainer.gradientOrder(), config.run().reduceBucket()));
    }

    /** Step of the checkpoint that was loaded, 0 for none. */
    private long load(Device device, Trainer trainer) {
        try {
            if (checkpoints.isEmpty() || (resumes && SharedRun.newestCheckpoint(checkpoints.get()) == 0)) {
                return 0;
            }
            return trainer.loadCheckpoint(checkpoints.get());
        } catch (IOException e) {
            try (device; trainer) {
                throw new ConfigException(e.getMessage());
            }
        }
    }

    /** Measured, stored or made up latencies. */
    private record Latency(LatencyModel model, String summary) {}

    private static Latency latency(TrainingConfig config, ModelConfig model, Consumer<String> progress) {
        if (config.device().kind().equals(NOOP)) {
            LatencyTable table = new LatencyTable(model.layers(), Replicas.pairs(config), NOOP,
                    List.of(new LatencyTable.AttentionPoint(1024, config.attention().kBase(), 1e-3)),
                    List.of(new LatencyTable.LinearPoint(1024, 1e-3)), 0);
            return new Latency(table.model(), "made up: nothing is computed");
        }
        boolean exact = config.run().reduction() == Reduction.EXACT;
        if (config.balance().latencyTable().isPresent()) {
            Path file = config.balance().latencyTable().get();
            LatencyProfile profile = exact
                    ? Profiles.storedForModel(file, config, model)
                    : Profiles.stored(file, config, model);
            return new Latency(profile.table().model(), "stored in " + file + ": " + Profiles.summary(profile));
        }
        if (exact) {
            return new Latency(CountedTable.of(config, model).model(),
                    "counted operations: run.reduction=exact measures nothing that could change bits");
        }
        progress.accept("measuring latencies on " + config.run().ranks() + " rank(s)");
        LatencyProfile profile = Profiles.measure(Profiles.Request.atStart(config, model), visit -> {}, () -> false)
                .orElseThrow();
        progress.accept("latency table: " + Profiles.summary(profile));
        return new Latency(profile.table().model(), Profiles.summary(profile));
    }
}
