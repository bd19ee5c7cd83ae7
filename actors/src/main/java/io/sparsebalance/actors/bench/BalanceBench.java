package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.actors.run.PartsFactory;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.policies.batching.StepWindow;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Compares arms: every arm has its own replicas (or all share one, see {@link BenchSettings#sharesReplica}), and in each step every
 * arm runs the same samples, one arm after the other, in an order that turns with the steps, so that whatever the machine does falls on all arms alike.
 */
public final class BalanceBench {
    private static final double SMOOTHING = 0.2;
    /** For each arm; after about this long a decision takes no less time than before. */
    private static final double REHEARSAL_SECONDS = 2;

    private final BenchSettings settings;
    private final double rehearsalSeconds;
    private final Listener listener;
    private DeviceThreads shared;

    /** Is told how it goes; called on the thread that runs the benchmark. */
    public interface Listener {
        /** Something long begins. */
        void onPreparing(String what);

        /** A step of all arms is done. */
        void onStep(int step, double elapsedSeconds);
    }

    /** Not yet started. */
    public BalanceBench(BenchSettings settings, Listener listener) {
        this(settings, listener, REHEARSAL_SECONDS);
    }

    /** For tests, whose times nobody reads. */
    BalanceBench(BenchSettings settings, Listener listener, double rehearsalSeconds) {
        this.settings = settings;
        this.rehearsalSeconds = rehearsalSeconds;
        this.listener = listener;
    }

    /**
     * Runs all arms; blocks.
     *
     * @param stopped asked between the steps of arms; what was measured so far is reported then
     */
    public BenchReport run(BooleanSupplier stopped) {
        TrainingConfig config = settings.config();
        if (config.device().shareParameters()) {
            throw new ConfigException("device.share-parameters must be false here: arms have parameters of their own");
        }
        List<BenchArm> arms = new ArrayList<>();
        Consumer<String> progress = listener::onPreparing;
        try (RunParts parts = PartsFactory.of(settings.lengths(), settings.checkpoints()).prepare("bench", config,
                progress)) {
            try {
                for (String name : settings.arms()) {
                    listener.onPreparing("making the replicas of " + name);
                    arms.add(arm(Arm.parse(name), parts));
                }
                int steps = runSteps(arms, parts, stopped);
                return report(arms, parts, steps);
            } finally {
                arms.forEach(BenchArm::close);
            }
        }
    }

    private BenchArm arm(Arm arm, RunParts parts) {
        TrainingConfig config = settings.config();
        TrainingConfig.AttentionSection a = config.attention();
        Balancing.Settings balancing = new Balancing.Settings(settings.numRanks(), a.block(),
                new SparsitySettings(a.kBase(), a.kMin(), a.kMax(), config.balance().anchor(),
                        config.balance().guard(), config.balance().maxChange(), config.balance().hysteresis()),
                arm.sparsity(), config.balance().feedback(),
                settings.takeOver() && config.balance().feedback() != Feedback.OFF,
                new StragglerEstimator.Settings(config.balance().straggler().threshold(),
                        config.balance().straggler().steps(), SMOOTHING),
                false,
                Arrays.stream(Replicas.coverageBudgets(a)).boxed().toList(), List.of());
        return new BenchArm(arm, config, parts.latency(), balancing, execution(arm, parts));
    }

    private StepExecution execution(Arm arm, RunParts parts) {
        Duration timeout = settings.config().run().stepTimeout();
        if (!settings.timeMultiplexed()) {
            return new ConcurrentRanks(arm.name(), settings.numRanks(), parts.workers(), timeout);
        }
        if (!settings.sharesReplica()) {
            return new MultiplexedRanks(MultiplexedRanks.device(arm.name(), parts.workers(), timeout),
                    settings.numRanks());
        }
        if (shared == null) {
            shared = MultiplexedRanks.device("all", parts.workers(), timeout);
        }
        return new MultiplexedRanks(shared, settings.numRanks());
    }

    /** Steps that every arm has run. */
    private int runSteps(List<BenchArm> arms, RunParts parts, BooleanSupplier stopped) {
        listener.onPreparing("rehearsing decisions");
        StepWindow window = window(parts, 1);
        List<SampleRef> samples = samples(parts, window);
        for (BenchArm arm : arms) {
            arm.rehearse(window, samples, rehearsalSeconds);
        }
        listener.onPreparing("warming up with the largest micro-batch");
        List<SampleRef> largest = largest(parts);
        for (BenchArm arm : settings.sharesReplica() ? arms.subList(0, 1) : arms) {
            arm.warmUp(largest);
        }
        long start = System.nanoTime();
        for (int step = 1; step <= settings.steps(); step++) {
            if (!window.contains(step)) {
                window = window(parts, step);
                samples = samples(parts, window);
            }
            for (int turn = 0; turn < arms.size(); turn++) {
                if (stopped.getAsBoolean()) {
                    return step - 1;
                }
                arms.get((step + turn) % arms.size()).run(step, window, samples);
            }
            listener.onStep(step, (System.nanoTime() - start) / 1e9);
        }
        return settings.steps();
    }

    private StepWindow window(RunParts parts, long step) {
        TrainingConfig.Batch batch = settings.config().batch();
        return StepWindow.of(step, batch.lookaheadWindow(), batch.samplesPerStep(),
                parts.tokens().numSamples(TokenSource.Split.TRAIN));
    }

    private List<SampleRef> samples(RunParts parts, StepWindow window) {
        int count = settings.config().batch().samplesPerStep();
        long first = (window.firstStep() - 1) * count;
        List<SampleRef> samples = new ArrayList<>();
        for (int i = 0; i < window.numSteps() * count; i++) {
            samples.add(parts.tokens().sample(TokenSource.Split.TRAIN, parts.order().sampleAt(first + i)));
        }
        return samples;
    }

    /** The longest of the samples that will be run, and the next longest, as far as the token cap goes. */
    private List<SampleRef> largest(RunParts parts) {
        long all = (long) settings.steps() * settings.config().batch().samplesPerStep();
        List<SampleRef> samples = new ArrayList<>();
        for (long i = 0; i < all; i++) {
            samples.add(parts.tokens().sample(TokenSource.Split.TRAIN, parts.order().sampleAt(i)));
        }
        samples.sort(Comparator.comparingInt(SampleRef::length).reversed());
        List<SampleRef> largest = new ArrayList<>();
        long left = settings.config().batch().tokenCap();
        for (SampleRef sample : samples) {
            if (sample.length() <= left && largest.size() < settings.config().batch().samplesPerStep()) {
                largest.add(sample);
                left -= sample.length();
            }
        }
        return largest;
    }

    private BenchReport report(List<BenchArm> arms, RunParts parts, int steps) {
        boolean complete = steps == settings.steps();
        int from = Math.min(settings.warmUp(), Math.max(0, steps - 1));
        List<SampleRef> heldOut = complete ? heldOut(parts) : List.of();
        if (!heldOut.isEmpty()) {
            listener.onPreparing("evaluating " + heldOut.size() + " held-out samples with each arm's parameters");
        }
        List<BenchReport.ArmSteps> measured = new ArrayList<>();
        for (BenchArm arm : arms) {
            List<MeasuredStep> all = arm.steps().subList(0, steps);
            measured.add(new BenchReport.ArmSteps(arm.name(), all, all.subList(from, steps),
                    arm.heldOutAtBase(heldOut), arm.heldOutDense(heldOut)));
        }
        return new BenchReport(settings, complete, parts.info().calibration(), measured,
                arms.getFirst().coverage().table());
    }

    private List<SampleRef> heldOut(RunParts parts) {
        long left = settings.config().run().evaluation().maxTokens();
        List<SampleRef> samples = new ArrayList<>();
        for (long i = 0; i < parts.tokens().numSamples(TokenSource.Split.HELD_OUT); i++) {
            SampleRef sample = parts.tokens().sample(TokenSource.Split.HELD_OUT, i);
            if (sample.length() <= left) {
                samples.add(sample);
                left -= sample.length();
            }
        }
        return samples;
    }
}
