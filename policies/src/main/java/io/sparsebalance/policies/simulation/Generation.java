package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.batching.StepWindow;
import io.sparsebalance.policies.batching.WindowRequest;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * One set of ranks with its batcher and balancer. As in the runtime, the batcher plans some steps ahead, with the speeds that
 * were known then, and a new generation begins with what none of its ranks has shown yet.
 */
final class Generation {
    private final Arm arm;
    private final SimulationSettings settings;
    private final LatencyModel latency;
    /** Number in the whole run of each of this generation's ranks. */
    private final int[] ranks;
    private final Balancing balancing;
    private final Map<Integer, Plan> plans = new HashMap<>();
    private List<Double> speeds;

    /** Micro-batches of a step: document lengths of each, and its rank within the generation. */
    record Plan(List<List<Integer>> lengths, List<Integer> rankOf, long planNanos) {}

    Generation(Arm arm, SimulationSettings settings, LatencyModel latency, int block, int[] ranks) {
        this.arm = arm;
        this.settings = settings;
        this.latency = latency;
        this.ranks = ranks;
        this.speeds = Collections.nCopies(ranks.length, 1.0);
        this.balancing = new Balancing(new Balancing.Settings(ranks.length, block, settings.sparsity(), arm.sparsity(),
                settings.feedback(), settings.moveWork(), settings.straggler(), false, settings.coverageBudgets(),
                IntStream.of(ranks).mapToObj(settings::host).toList()), latency);
    }

    int[] ranks() {
        return ranks;
    }

    Balancing balancing() {
        return balancing;
    }

    boolean isPlanned(int step) {
        return plans.containsKey(step);
    }

    /**
     * Plans a step with what is known now.
     *
     * @param dealNanos the step's share of the time that dealing its look-ahead window took
     */
    void plan(int step, List<Sample> samples, long dealNanos) {
        long start = System.nanoTime();
        BatchPlan plan = arm.batching().plan(new BatchRequest(samples, settings.numMicroBatches(), speeds,
                settings.tokenCap(), baseBudgets(), latency, settings.seed() + step));
        long planNanos = dealNanos + System.nanoTime() - start;
        List<List<Integer>> lengths = new ArrayList<>();
        for (List<Sample> microBatch : plan.microBatches()) {
            lengths.add(microBatch.stream().map(Sample::length).toList());
        }
        plans.put(step, new Plan(lengths, plan.rankOf(), planNanos));
    }

    /** Deals the samples of a window to its steps. */
    List<List<Sample>> deal(StepWindow window, List<Sample> samples) {
        return arm.batching().deal(new WindowRequest(samples, window.numSteps(), settings.numMicroBatches(),
                settings.tokenCap(), baseBudgets(), latency, settings.seed() + window.firstStep()));
    }

    private Budgets baseBudgets() {
        return Budgets.uniform(settings.sparsity().baseBudget(), latency.numLayers());
    }

    /** The plan of a step; it stays until the step is done. */
    Plan plan(int step) {
        return plans.get(step);
    }

    /** A step is done: its plan can go, and plans made from now on use the speeds that it showed. */
    void learn(int step, Balancing.Findings findings) {
        plans.remove(step);
        if (settings.feedback() != Feedback.OFF) {
            speeds = findings.speeds();
        }
    }
}
