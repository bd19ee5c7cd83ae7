package io.sparsebalance.app;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.simulation.Disturbances;
import io.sparsebalance.policies.simulation.Network;
import io.sparsebalance.policies.simulation.SimulationSettings;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.workload.Workload;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What {@code simulate} runs, from its options and a run's configuration. Wrong values end in a {@link ConfigException} that
 * names them.
 */
record SimulateInputs(SimulationSettings settings, LatencyTables.Named table, Workload workload, int context,
        List<Arm> arms) {
    private static final int DEFAULT_RANKS = 8;
    private static final int DEFAULT_MICRO_BATCHES = 2;
    private static final int DEFAULT_STEPS = 200;
    private static final int DEFAULT_GLOBAL_BATCH = 64;
    private static final int DEFAULT_CONTEXT = 131_072;
    private static final int DEFAULT_BASE_BUDGET = 32;
    private static final int DEFAULT_MIN_BUDGET = 4;
    private static final int DEFAULT_MAX_BUDGET = 128;
    private static final int DEFAULT_PLANS_AHEAD = 2;
    private static final double DEFAULT_GUARD = 0.1;
    private static final StragglerEstimator.Settings DEFAULT_STRAGGLER = new StragglerEstimator.Settings(1.25, 3, 0.2);

    /**
     * Resolves options.
     *
     * @param config of the run that is simulated; empty for the defaults of the command
     * @param model whose table is taken if none is named; empty for the default
     */
    static SimulateInputs of(SimulateOptions options, Optional<TrainingConfig> config, Optional<String> model) {
        try {
            return resolve(options, config, model);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(e.getMessage());
        }
    }

    private static SimulateInputs resolve(SimulateOptions o, Optional<TrainingConfig> config,
            Optional<String> model) {
        Optional<TrainingConfig.Batch> batch = config.map(TrainingConfig::batch);
        int ranks = or(o.ranks, config.map(c -> c.run().ranks()), DEFAULT_RANKS);
        int microBatches = o.microBatches == null && batch.isPresent()
                ? batch.get().microBatchesPerStep()
                : Math.multiplyExact(ranks, or(o.microBatches, Optional.empty(), DEFAULT_MICRO_BATCHES));
        int ranksPerHost = or(o.ranksPerHost, Optional.empty(), ranks);
        Disturbances disturbances = disturbances(o, ranks, ranksPerHost);
        Feedback feedback = o.feedback != null
                ? constant("--feedback", o.feedback, Feedback.class)
                : config.map(c -> c.balance().feedback()).orElse(Feedback.FULL);
        SimulationSettings settings = new SimulationSettings(ranks, ranksPerHost, microBatches,
                or(o.steps, Optional.empty(), DEFAULT_STEPS),
                or(o.globalBatch, batch.map(TrainingConfig.Batch::samplesPerStep), DEFAULT_GLOBAL_BATCH),
                or(o.tokenCap, batch.map(TrainingConfig.Batch::tokenCap), Integer.MAX_VALUE), sparsity(o, config),
                feedback, feedback != Feedback.OFF && (o.feedback != null || !disturbances.isNone()),
                config.map(c -> new StragglerEstimator.Settings(c.balance().straggler().threshold(),
                        c.balance().straggler().steps(), DEFAULT_STRAGGLER.smoothing())).orElse(DEFAULT_STRAGGLER),
                or(o.plansAhead, batch.map(TrainingConfig.Batch::plansAhead), DEFAULT_PLANS_AHEAD),
                or(o.lookahead, batch.map(TrainingConfig.Batch::lookaheadWindow), 1), disturbances,
                new Network(o.reduceBytes, o.bandwidth, o.messageLatency),
                or(o.seed, config.map(c -> c.run().seed()), 1L));
        int context = or(o.context, config.map(c -> c.data().maxDocumentTokens()), DEFAULT_CONTEXT);
        if (context < 2) {
            throw new ConfigException("--context " + context + " must be at least 2 tokens");
        }
        List<String> arms = o.arms.isEmpty() ? Arm.DEFAULTS : o.arms;
        return new SimulateInputs(settings, table(o, config, model), workload(o), context,
                arms.stream().distinct().map(Arm::parse).toList());
    }

    private static Disturbances disturbances(SimulateOptions o, int ranks, int ranksPerHost) {
        if (o.ranksPerHost != null && ranksPerHost < 1) {
            throw new ConfigException("--ranks-per-host " + ranksPerHost + " must be at least 1");
        }
        Stream<Disturbances.SlowRank> slow = Stream
                .concat(parse("--slow", o.slow, Disturbances.SlowRank::parse).stream(),
                        parse("--slow-host", o.slowHosts, text -> Disturbances.slowHost(text, ranks, ranksPerHost))
                                .stream()
                                .flatMap(List::stream));
        return new Disturbances(o.noise, slow.toList(), parse("--fail", o.fail, Disturbances.Failure::parse),
                o.recoverySeconds);
    }

    private static <T> List<T> parse(String option, List<String> texts, Function<String, T> parser) {
        try {
            return texts.stream().map(parser).toList();
        } catch (IllegalArgumentException e) {
            throw new ConfigException(option + ": " + e.getMessage());
        }
    }

    private static SparsitySettings sparsity(SimulateOptions o, Optional<TrainingConfig> config) {
        Optional<TrainingConfig.AttentionSection> attention = config.map(TrainingConfig::attention);
        return new SparsitySettings(
                or(o.baseBudget, attention.map(TrainingConfig.AttentionSection::kBase), DEFAULT_BASE_BUDGET),
                or(o.minBudget, attention.map(TrainingConfig.AttentionSection::kMin), DEFAULT_MIN_BUDGET),
                or(o.maxBudget, attention.map(TrainingConfig.AttentionSection::kMax), DEFAULT_MAX_BUDGET),
                o.anchor != null
                        ? constant("--anchor", o.anchor, Anchor.class)
                        : config.map(c -> c.balance().anchor()).orElse(Anchor.MEAN),
                or(o.guard, config.map(c -> c.balance().guard()), DEFAULT_GUARD),
                config.map(c -> c.balance().maxChange()).orElse(SparsitySettings.DEFAULT_MAX_CHANGE),
                config.map(c -> c.balance().hysteresis()).orElse(SparsitySettings.DEFAULT_HYSTERESIS));
    }

    private static LatencyTables.Named table(SimulateOptions o, Optional<TrainingConfig> config,
            Optional<String> model) {
        Optional<String> named = Optional.ofNullable(o.table)
                .or(() -> config.flatMap(c -> c.balance().latencyTable()).map(Path::toString)).or(() -> model);
        if (named.isEmpty() && config.isPresent()) {
            throw new ConfigException("a run's configuration needs a latency table of its model: measure one with"
                    + " 'sparsebalance profile' and name it with --table or balance.latency-table");
        }
        return LatencyTables.load(named.orElse(LatencyTables.DEFAULT));
    }

    private static Workload workload(SimulateOptions o) {
        if (o.lengths == null) {
            return LengthLists.named("--workload", o.workload == null ? "chatqa2" : o.workload);
        }
        if (o.workload != null) {
            throw new ConfigException("--workload and --lengths exclude one another; give one of them");
        }
        return LengthLists.namedOrFile("--lengths", o.lengths);
    }

    /** Written as in a run's configuration: {@code iso-density}. */
    private static <E extends Enum<E>> E constant(String option, String text, Class<E> type) {
        List<String> known = Stream.of(type.getEnumConstants()).map(SimulateInputs::written).toList();
        int at = known.indexOf(text.toLowerCase(Locale.ROOT).replace('_', '-'));
        if (at < 0) {
            throw new ConfigException(option + " " + text + " is unknown; known: " + String.join(", ", known));
        }
        return type.getEnumConstants()[at];
    }

    static String written(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static <T> T or(T option, Optional<T> configured, T otherwise) {
        return option != null ? option : configured.orElse(otherwise);
    }

    /** Settings as the JSON object begins with them. */
    Map<String, Object> describe() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("workload", workload.label());
        all.put("context", context);
        all.put("ranks", settings.numRanks());
        all.put("ranksPerHost", settings.ranksPerHost());
        all.put("microBatches", settings.numMicroBatches());
        all.put("globalBatch", settings.samplesPerStep());
        all.put("steps", settings.numSteps());
        all.put("table", table.name());
        all.put("block", table.table().pairs().block());
        all.put("kBase", settings.sparsity().baseBudget());
        all.put("kMin", settings.sparsity().minBudget());
        all.put("kMax", settings.sparsity().maxBudget());
        all.put("anchor", written(settings.sparsity().anchor()));
        all.put("guard", settings.sparsity().guard());
        all.put("feedback", written(settings.feedback()));
        all.put("moveWork", settings.moveWork());
        all.put("plansAhead", settings.plansAhead());
        all.put("lookahead", settings.lookaheadWindow());
        all.put("noise", settings.disturbances().noise());
        all.put("slow", settings.disturbances().slow());
        all.put("failures", settings.disturbances().failures());
        all.put("reduceSeconds", settings.network().reduceSeconds(settings.numRanks()));
        all.put("seed", settings.seed());
        return all;
    }
}
