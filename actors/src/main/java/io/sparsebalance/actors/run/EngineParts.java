package io.sparsebalance.actors.run;

import io.sparsebalance.actors.rank.NoopRankWorker;
import io.sparsebalance.actors.rundir.Json;
import io.sparsebalance.actors.training.RankWorkerFactory;
import io.sparsebalance.actors.training.RunContext;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.Corpora;
import io.sparsebalance.data.CorpusStatistics;
import io.sparsebalance.data.DefaultCorpus;
import io.sparsebalance.data.DocumentSource;
import io.sparsebalance.data.DocumentSources;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.data.StoreSettings;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.data.TokenStore;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.OptimizerConfig;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.Trainers;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Puts a run together from its configuration: corpus, latency table, devices and replicas. */
final class EngineParts implements PartsFactory {
    private static final String NOOP = "noop";
    private static final String AUTO = "auto";

    @Override
    public RunParts prepare(String runId, TrainingConfig given, Consumer<String> progress) {
        TrainingConfig config = withKnownDevice(given, progress);
        TokenStore tokens = openCorpus(config, progress);
        try {
            if (tokens.numSamples(TokenSource.Split.TRAIN) == 0) {
                throw new ConfigException("data.held-out-fraction leaves no sample to train on; lower it or add text");
            }
            ModelConfig model = model(config, tokens.vocabulary());
            Calibration.Result latency = latency(config, model, progress);
            RunInfo info = new RunInfo(runId, config.run().directory(), config.run().steps(), config.run().ranks(), 0,
                    tokens.statistics().trainSamples(), tokens.statistics().trainTokens(),
                    tokens.statistics().heldOutSamples(),
                    tokens.fingerprint(), config.device().kind() + ", " + threadsPerRank(config) + " thread(s) a rank",
                    latency.summary(), documents(tokens.statistics(), config.data().maxDocumentTokens()));
            return new RunParts(config, info, tokens,
                    new ShuffledOrder(config.run().seed(), tokens.numSamples(TokenSource.Split.TRAIN)),
                    latency.table().model(),
                    workers(config, model, tokens));
        } catch (RuntimeException e) {
            tokens.close();
            throw e;
        }
    }

    private static RunInfo.Documents documents(CorpusStatistics found, int maxTokens) {
        return new RunInfo.Documents(found.documents(), maxTokens, found.splitDocuments(), found.truncatedDocuments(),
                found.droppedTokens(), found.skippedShort(), found.skippedBinary());
    }

    /** Replaces {@code device.kind = auto} by what it means here. */
    private static TrainingConfig withKnownDevice(TrainingConfig config, Consumer<String> progress) {
        TrainingConfig.DeviceSection device = config.device();
        if (!device.kind().equals(AUTO)) {
            return config;
        }
        Devices.Choice choice = Devices.choose();
        progress.accept("device.kind=auto means " + choice.kind() + ": " + choice.reason());
        return new TrainingConfig(config.run(),
                new TrainingConfig.DeviceSection(choice.kind(), device.threadsPerRank(), device.memoryBudget()),
                config.model(), config.attention(), config.data(), config.batch(), config.balance(), config.optimizer(),
                config.text(), config.pekko());
    }

    private static Device openDevice(TrainingConfig config, int rank) {
        return Devices.open(config.device().kind(), new DeviceSettings(threadsPerRank(config), rank,
                config.run().ranks(), config.device().memoryBudget(), false));
    }

    private static TokenStore openCorpus(TrainingConfig config, Consumer<String> progress) {
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

    private static ModelConfig model(TrainingConfig config, int vocabulary) {
        TrainingConfig.Model m = config.model();
        TrainingConfig.AttentionSection a = config.attention();
        AttentionShape shape = new AttentionShape(m.heads(), m.kvHeads(), m.headSize(), a.block(), a.queryTile(),
                a.sinkBlocks(),
                a.localBlocks());
        return new ModelConfig(vocabulary, m.layers(), m.hidden(), m.ffn(), shape, m.ropeTheta(),
                (float) m.normEpsilon(), m.qkNorm(),
                m.tiedEmbeddings(), m.recompute());
    }

    private static OptimizerConfig optimizer(TrainingConfig config) {
        TrainingConfig.Optimizer o = config.optimizer();
        return new OptimizerConfig(o.learningRate(), o.minimumRatio(), o.warmupSteps(), config.run().steps(),
                o.betas().get(0).floatValue(), o.betas().get(1).floatValue(), (float) o.epsilon(),
                (float) o.weightDecay(), o.clipNorm());
    }

    private static int threadsPerRank(TrainingConfig config) {
        int threads = config.device().threadsPerRank();
        return threads > 0 ? threads : Math.max(1, Runtime.getRuntime().availableProcessors() / config.run().ranks());
    }

    private static RankWorkerFactory workers(TrainingConfig config, ModelConfig model, TokenSource tokens) {
        if (config.device().kind().equals(NOOP)) {
            return (rank, collective) -> new NoopRankWorker(collective);
        }
        int[] coverageBudgets = RunContext.coverageBudgets(config.attention()).stream().mapToInt(Integer::intValue)
                .toArray();
        return (rank, collective) -> {
            Device device = openDevice(config, rank);
            Trainer trainer = trainer(device, config, model);
            return new EngineRankWorker(device, trainer, tokens, collective, config.run().ranks(), coverageBudgets,
                    config.batch().tokenCap());
        };
    }

    /** A replica, or a closed device: a device must not stay open when its replica does not fit. */
    private static Trainer trainer(Device device, TrainingConfig config, ModelConfig model) {
        try {
            return Trainers.create(device, model, optimizer(config), config.run().seed());
        } catch (RuntimeException e) {
            device.close();
            throw e;
        }
    }

    private static Calibration.Result latency(TrainingConfig config, ModelConfig model, Consumer<String> progress) {
        TrainingConfig.AttentionSection a = config.attention();
        SelectedPairs pairs = new SelectedPairs(a.block(), a.queryTile(), a.sinkBlocks() + a.localBlocks());
        String fingerprint = model + " on " + config.device().kind() + " with " + threadsPerRank(config) + " threads";
        if (config.balance().latencyTable().isPresent()) {
            return stored(config.balance().latencyTable().get(), model);
        }
        if (config.device().kind().equals(NOOP)) {
            return new Calibration.Result(new LatencyTable(model.layers(), pairs, fingerprint,
                    List.of(new LatencyTable.AttentionPoint(1024, a.kBase(), 1e-3)),
                    List.of(new LatencyTable.LinearPoint(1024, 1e-3)),
                    0), "made up: nothing is computed");
        }
        progress.accept("measuring latencies on " + config.run().ranks() + " rank(s)");
        Calibration.Plan plan = new Calibration.Plan(model.layers(), pairs, a.kMin(), a.kBase(), a.kMax(),
                config.data().maxDocumentTokens(), fingerprint);
        Calibration.Result result = Calibration.run(plan, config.run().ranks(), rank -> {
            Device device = openDevice(config, rank);
            return new CalibrationProbe(device, trainer(device, config, model), config.run().seed() + rank);
        });
        progress.accept("latency table: " + result.summary());
        return result;
    }

    private static Calibration.Result stored(Path file, ModelConfig model) {
        try {
            LatencyTable table = Json.mapper().readValue(file.toFile(), LatencyTable.class);
            if (table.numLayers() != model.layers()) {
                throw new ConfigException("balance.latency-table: " + file + " was measured for " + table.numLayers()
                        + " layers, model.layers is "
                        + model.layers() + "; measure again, or leave the key empty to calibrate at start");
            }
            return new Calibration.Result(table, "stored in " + file);
        } catch (IOException e) {
            throw new ConfigException("balance.latency-table: cannot read " + file + ": " + e.getMessage()
                    + "; name a table in JSON, or leave the key empty to calibrate at start");
        }
    }
}
