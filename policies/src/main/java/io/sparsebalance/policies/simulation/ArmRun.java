package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.batching.StepWindow;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.FixedSparsity;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.StepInFlight;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.Verdict;
import io.sparsebalance.policies.workload.LengthStream;
import io.sparsebalance.policies.workload.Workload;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** All steps of one arm on the virtual clock. */
final class ArmRun {
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double NANOS_PER_MILLI = 1e6;

    private final Arm arm;
    private final SimulationSettings settings;
    private final LatencyModel latency;
    private final int block;
    private final WorkMeter meter;
    private final LengthStream lengths;
    private final long samplesPerEpoch;
    /** Samples of the steps that were drawn and are not done. */
    private final Map<Integer, List<Sample>> samples = new HashMap<>();
    private final Map<Integer, ArmSummary.Flag> flagged = new TreeMap<>();
    private final double[] planMillis;
    /** Each step's share of dealing the current window. */
    private long dealNanos;
    private Generation generation;
    private double sumImbalance;
    private double sumStepSeconds;
    private double sumMeanBusy;

    ArmRun(Arm arm, SimulationSettings settings, LatencyModel latency, int block, WorkMeter meter,
            Workload workload, int context) {
        this.arm = arm;
        this.settings = settings;
        this.latency = latency;
        this.block = block;
        this.meter = meter;
        this.lengths = workload.stream(settings.seed(), context);
        this.samplesPerEpoch = workload.samplesPerEpoch();
        this.planMillis = new double[settings.numSteps()];
        this.generation = generation(IntStream.range(0, settings.numRanks()).toArray());
    }

    private Generation generation(int[] ranks) {
        return new Generation(arm, settings, latency, block, ranks);
    }

    /**
     * Runs all steps.
     *
     * @param observer told of each step that is done
     */
    ArmSummary run(StepObserver observer) {
        for (int step = 1; step <= settings.numSteps(); step++) {
            double lostSeconds = 0;
            for (Disturbances.Failure failure : settings.disturbances().failures()) {
                int lost = indexOf(generation.ranks(), failure.rank());
                if (failure.step() == step && lost >= 0) {
                    lostSeconds += lose(step, lost) + settings.disturbances().recoverySeconds();
                }
            }
            run(step, lostSeconds, observer);
        }
        int steps = settings.numSteps();
        Arrays.sort(planMillis);
        // Steps cannot follow one another faster than they are decided.
        double median = planMillis[steps / 2];
        double stepSeconds = Math.max(sumStepSeconds / steps, median / 1e3);
        return new ArmSummary(arm.name(), sumImbalance / steps, stepSeconds, sumMeanBusy / steps, meter.density(),
                meter.coverage(), median, flagged, lengths.truncatedShare());
    }

    /** Begins a step, loses a rank in it, and forms the next generation; returns the seconds that were in vain. */
    private double lose(int step, int lost) {
        Generation.Plan plan = plan(step);
        StepInFlight inFlight = generation.balancing().begin(plan.lengths(), plan.rankOf());
        SimulatedStep.Outcome outcome = simulated(step, inFlight).run(OptionalInt.of(lost));
        int[] left = IntStream.of(generation.ranks()).filter(r -> r != generation.ranks()[lost]).toArray();
        generation = generation(left);
        return outcome.nanos() / NANOS_PER_SECOND;
    }

    private void run(int step, double lostSeconds, StepObserver observer) {
        Generation.Plan plan = plan(step);
        long start = System.nanoTime();
        StepInFlight inFlight = generation.balancing().begin(plan.lengths(), plan.rankOf());
        long beginNanos = System.nanoTime() - start;
        SimulatedStep.Outcome outcome = simulated(step, inFlight).run();
        Balancing.Findings findings = generation.balancing().end(inFlight, i -> observation(inFlight, i));
        generation.learn(step, findings);
        samples.remove(step);
        for (int i = 0; i < inFlight.numMicroBatches(); i++) {
            meter.add(inFlight.lengths(i), inFlight.budgets(i));
        }
        for (Verdict verdict : findings.verdicts()) {
            if (verdict.straggler()) {
                flagged.putIfAbsent(generation.ranks()[verdict.rank()],
                        new ArmSummary.Flag(step, verdict.cause(), verdict.host()));
            }
        }
        planMillis[step - 1] = (plan.planNanos() + beginNanos + outcome.decisionNanos()) / NANOS_PER_MILLI;
        double mean = findings.observations().stream().mapToDouble(RankObservation::busySeconds).average().orElse(0);
        double most = findings.observations().stream().mapToDouble(RankObservation::busySeconds).max().orElse(0);
        sumImbalance += most / mean;
        sumMeanBusy += mean;
        double stepSeconds = lostSeconds + outcome.nanos() / NANOS_PER_SECOND
                + settings.network().reduceSeconds(inFlight.numRanks());
        sumStepSeconds += stepSeconds;
        observer.onStep(step, inFlight, stepSeconds, findings);
    }

    /** The plan of a step, made now or some steps ago. */
    private Generation.Plan plan(int step) {
        int last = Math.min(settings.numSteps(), step + settings.plansAhead() - 1);
        for (int ahead = step; ahead <= last; ahead++) {
            if (!generation.isPlanned(ahead)) {
                List<Sample> dealt = samples(ahead);
                generation.plan(ahead, dealt, dealNanos);
            }
        }
        return generation.plan(step);
    }

    /** Draws and deals the window that a step is in, unless that was done. */
    private List<Sample> samples(int step) {
        if (samples.containsKey(step)) {
            return samples.get(step);
        }
        StepWindow whole = StepWindow.of(step, settings.lookaheadWindow(), settings.samplesPerStep(), samplesPerEpoch);
        // The last window ends with the run, so that arms that look ahead see the samples that the others see.
        StepWindow window = new StepWindow(step, Math.min(whole.numSteps(), settings.numSteps() - step + 1));
        List<Sample> drawn = new ArrayList<>();
        for (int i = 0; i < window.numSteps() * settings.samplesPerStep(); i++) {
            drawn.add(new Sample(i, lengths.next()));
        }
        long start = System.nanoTime();
        List<List<Sample>> dealt = generation.deal(window, drawn);
        dealNanos = (System.nanoTime() - start) / window.numSteps();
        for (int i = 0; i < window.numSteps(); i++) {
            samples.put(step + i, dealt.get(i));
        }
        return samples.get(step);
    }

    private SimulatedStep simulated(int step, StepInFlight inFlight) {
        Disturbances disturbances = settings.disturbances();
        double[] noise = disturbances.noise(settings.seed(), step, inFlight.numMicroBatches());
        double[] slowdown = IntStream.of(generation.ranks()).mapToDouble(r -> disturbances.slowdown(r, step)).toArray();
        return new SimulatedStep(inFlight, generation.balancing(), (microBatch, rank) -> {
            double seconds = meter.seconds(inFlight.lengths(microBatch), inFlight.budgets(microBatch));
            return Math.max(1, Math.round(seconds * noise[microBatch] * slowdown[rank] * NANOS_PER_SECOND));
        });
    }

    /** Fixed budgets have no use for coverage. */
    private RunningCoverage.Observation observation(StepInFlight step, int i) {
        return arm.sparsity() instanceof FixedSparsity
                ? new RunningCoverage.Observation(List.of(), List.of())
                : meter.observation(step.lengths(i), settings.coverageBudgets());
    }

    private static int indexOf(int[] values, int value) {
        for (int i = 0; i < values.length; i++) {
            if (values[i] == value) {
                return i;
            }
        }
        return -1;
    }
}
