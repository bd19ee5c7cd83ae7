package io.sparsebalance.policies.batching;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.List;

/**
 * What dealing samples to the steps of a look-ahead window decides on.
 *
 * @param samples of all steps, in sample order; as many for each step
 * @param numSteps steps of the window, at least 1
 * @param numMicroBatches logical micro-batches of each step
 * @param tokenCap most tokens in a micro-batch
 * @param baseBudgets budgets that latencies are predicted at
 * @param latency predicts
 * @param seed for the order of the steps
 */
public record WindowRequest(List<Sample> samples, int numSteps, int numMicroBatches, int tokenCap, Budgets baseBudgets,
        LatencyModel latency, long seed) {
    /** Copies, and checks that the steps have equal numbers of samples. */
    public WindowRequest {
        samples = List.copyOf(samples);
        if (numSteps < 1 || samples.isEmpty() || samples.size() % numSteps != 0) {
            throw new IllegalArgumentException(
                    samples.size() + " samples cannot be dealt evenly to " + numSteps + " steps");
        }
    }

    /** Samples of each step. */
    public int samplesPerStep() {
        return samples.size() / numSteps;
    }
}
