package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.protocol.KeptCoverage;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.batching.StepWindow;
import io.sparsebalance.policies.batching.WindowRequest;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Completion;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.StepInFlight;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;

/** One arm: its policies, what it has learned, its replicas, and what it has measured. */
final class BenchArm implements AutoCloseable {
    private static final double NANOS_PER_SECOND = 1e9;
    /** Rehearsed micro-batches take this share of what is predicted to as many times it: tables are off by as much. */
    private static final double LEAST_REHEARSED = 0.8;

    private final Arm arm;
    private final TrainingConfig config;
    private final LatencyModel latency;
    private final Balancing.Settings settings;
    private final Balancing balancing;
    private final StepExecution execution;
    private final List<MeasuredStep> steps = new ArrayList<>();
    private List<Double> speeds;
    private RunningCoverage coverage;
    /** The look-ahead window that {@link #dealt} holds the steps of. */
    private StepWindow window;
    private List<List<Sample>> dealt = List.of();

    /** Takes ownership of the execution. */
    BenchArm(Arm arm, TrainingConfig config, LatencyModel latency, Balancing.Settings settings,
            StepExecution execution) {
        this.arm = arm;
        this.config = config;
        this.latency = latency;
        this.settings = settings;
        this.balancing = new Balancing(settings, latency);
        this.execution = execution;
        this.speeds = Collections.nCopies(settings.numRanks(), 1.0);
        this.coverage = RunningCoverage.empty(settings.block());
    }

    String name() {
        return arm.name();
    }

    List<MeasuredStep> steps() {
        return List.copyOf(steps);
    }

    /** Averages of the coverage that was sampled. */
    RunningCoverage coverage() {
        return coverage;
    }

    /**
     * Plans and grants steps of samples drawn from these, runs none of them, and again, until the time is up: decisions of the first steps would else be
     * those of an interpreter. Samples, times and so speeds differ from step to step, and completions are off enough to revise budgets, since code that was
     * compiled for one step is compiled anew for another. Coverage that layers differ in is made up and learned: curves that all layers share are read by
     * other ways than measured ones.
     */
    void rehearse(StepWindow first, List<SampleRef> references, double seconds) {
        Balancing scratch = new Balancing(settings, latency);
        SplittableRandom random = new SplittableRandom(config.run().seed());
        List<Double> known = speeds;
        long start = System.nanoTime();
        for (long step = 1; System.nanoTime() - start < seconds * NANOS_PER_SECOND; step++) {
            List<SampleRef> drawn = references.stream().map(any -> references.get(random.nextInt(references.size())))
                    .toList();
            BatchPlan plan = batch(step, deal(first, drawn).getFirst(), known);
            StepInFlight state = scratch.begin(
                    plan.microBatches().stream().map(batch -> batch.stream().map(Sample::length).toList()).toList(),
                    plan.rankOf());
            while (state.hasWaiting()) {
                for (int rank = 0; rank < settings.numRanks(); rank++) {
                    rehearse(scratch, state, rank, random.nextDouble(LEAST_REHEARSED, 1 / LEAST_REHEARSED));
                }
            }
            known = scratch.end(state, i -> new RunningCoverage.Observation(state.lengths(i), madeUpCoverage()))
                    .speeds();
        }
    }

    private List<List<Double>> madeUpCoverage() {
        List<List<Double>> byLayer = new ArrayList<>();
        int largest = settings.coverageBudgets().stream().mapToInt(Integer::intValue).max().orElse(1);
        for (int layer = 0; layer < latency.numLayers(); layer++) {
            double exponent = 0.2 + 0.5 * layer / latency.numLayers();
            byLayer.add(settings.coverageBudgets().stream()
                    .map(budget -> 0.9 * Math.pow((double) budget / largest, exponent)).toList());
        }
        return byLayer;
    }

    /** A rank's next micro-batch takes so many times as long as predicted. */
    private static void rehearse(Balancing scratch, StepInFlight state, int rank, double factor) {
        OptionalInt granted = scratch.grant(state, rank);
        if (granted.isPresent()) {
            int microBatch = granted.getAsInt();
            Completion completion = new Completion(microBatch, rank,
                    Math.round(factor * state.seconds(microBatch) * NANOS_PER_SECOND), 0);
            state.complete(completion);
            scratch.revise(state, completion);
        }
    }

    /** Runs a micro-batch as large as any may be on every device: a first touch of memory is no part of a step. */
    void warmUp(List<SampleRef> largest) {
        execution.warmUp(largest, baseBudgets());
    }

    /**
     * Plans and runs one step.
     *
     * @param references samples of the step's look-ahead window, in sample order
     */
    void run(long step, StepWindow around, List<SampleRef> references) {
        long start = System.nanoTime();
        if (!around.equals(window)) {
            window = around;
            dealt = deal(around, references);
        }
        List<Sample> samples = dealt.get((int) (step - around.firstStep()));
        BatchPlan plan = batch(step, samples, speeds);
        List<List<SampleRef>> microBatches = plan.microBatches().stream()
                .map(batch -> batch.stream().map(sample -> references.get((int) sample.id())).toList()).toList();
        List<List<Integer>> lengths = microBatches.stream()
                .map(batch -> batch.stream().map(SampleRef::length).toList()).toList();
        long batchNanos = System.nanoTime() - start;
        StepInFlight state = balancing.begin(lengths, plan.rankOf());
        long planNanos = System.nanoTime() - start;
        long targets = Math.max(1, samples.stream().mapToLong(sample -> sample.length() - 1L).sum());
        StepExecution.Executed done = execution.run(step, state, balancing, microBatches, 1.0 / targets);
        Balancing.Findings findings = balancing.end(state,
                i -> new RunningCoverage.Observation(lengths.get(i), done.outcomes().get(i).result().coverage()));
        if (settings.feedback() != Feedback.OFF) {
            speeds = findings.speeds();
        }
        coverage = coverage.observe(settings.coverageBudgets(), done.outcomes().stream()
                .map(outcome -> new RunningCoverage.Observation(lengths.get(outcome.microBatch()),
                        outcome.result().coverage()))
                .toList());
        // Budgets are decided when the step begins, and every rank waits for them: they are part of its time.
        steps.add(measured(step, state, done, planNanos, batchNanos, lengths));
    }

    /** Samples of each step of a window; their ids are places in the references. */
    private List<List<Sample>> deal(StepWindow steps, List<SampleRef> references) {
        List<Sample> all = new ArrayList<>();
        for (int i = 0; i < references.size(); i++) {
            all.add(new Sample(i, references.get(i).length()));
        }
        return arm.batching().deal(new WindowRequest(all, steps.numSteps(), config.batch().microBatchesPerStep(),
                config.batch().tokenCap(), baseBudgets(), latency, config.run().seed() + steps.firstStep()));
    }

    private BatchPlan batch(long step, List<Sample> samples, List<Double> rankSpeeds) {
        return arm.batching().plan(new BatchRequest(samples, config.batch().microBatchesPerStep(), rankSpeeds,
                config.batch().tokenCap(), baseBudgets(), latency, config.run().seed() + step));
    }

    private Budgets baseBudgets() {
        return Budgets.uniform(config.attention().kBase(), config.model().layers());
    }

    private MeasuredStep measured(long step, StepInFlight state, StepExecution.Executed done, long planNanos,
            long batchNanos, List<List<Integer>> lengths) {
        double[] predicted = new double[settings.numRanks()];
        double lossSum = 0;
        long targets = 0;
        long selected = 0;
        long causal = 0;
        double kept = 0;
        long tokens = 0;
        for (MicroBatchOutcome outcome : done.outcomes()) {
            MicroBatchResult result = outcome.result();
            long batchTokens = lengths.get(outcome.microBatch()).stream().mapToLong(Integer::longValue).sum();
            predicted[outcome.rank()] += state.seconds(outcome.microBatch());
            lossSum += result.lossSum();
            targets += result.numTargets();
            selected += result.selectedPairs();
            causal += result.causalPairs();
            kept += KeptCoverage.of(settings.coverageBudgets(), outcome) * batchTokens;
            tokens += batchTokens;
        }
        List<Double> predictedSeconds = new ArrayList<>();
        for (double seconds : predicted) {
            predictedSeconds.add(seconds);
        }
        long revised = done.reviseNanos().stream().mapToLong(Long::longValue).sum();
        long longestRevised = done.reviseNanos().stream().mapToLong(Long::longValue).max().orElse(0);
        return new MeasuredStep(step, done.seconds() + planNanos / NANOS_PER_SECOND, done.busySeconds(),
                done.waitSeconds(), predictedSeconds, (double) selected / causal, kept / tokens,
                (planNanos + revised) / NANOS_PER_SECOND,
                (planNanos - batchNanos + longestRevised) / NANOS_PER_SECOND, lossSum / Math.max(1, targets));
    }

    /** Loss of held-out samples at the budget of fixed arms. */
    HeldOut heldOutAtBase(List<SampleRef> samples) {
        return heldOut(samples, baseBudgets());
    }

    /** The same with all blocks, which no arm was trained with. */
    HeldOut heldOutDense(List<SampleRef> samples) {
        int longest = samples.stream().mapToInt(SampleRef::length).max().orElse(1);
        return heldOut(samples, Budgets.uniform(latency.numBlocks(longest), config.model().layers()));
    }

    private HeldOut heldOut(List<SampleRef> samples, Budgets budgets) {
        List<MicroBatchResult> results = samples.stream()
                .map(sample -> execution.evaluate(List.of(sample), budgets)).toList();
        return new HeldOut(results.stream().map(MicroBatchResult::lossSum).toList(),
                results.stream().map(MicroBatchResult::numTargets).toList());
    }

    @Override
    public void close() {
        execution.close();
    }
}
