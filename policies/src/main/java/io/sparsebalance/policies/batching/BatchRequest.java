package io.sparsebalance.policies.batching;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.List;

/**
 * What a batching policy decides on.
 *
 * @param samples the global batch, in sample order
 * @param numMicroBatches logical micro-batches of the step; a policy may use more only where the cap forces it
 * @param rankSpeeds slowdown factor of each rank, 1 = as predicted, 2 = twice as slow; its size is the number of ranks
 * @param tokenCap most tokens in a micro-batch, hard
 * @param baseBudgets budgets that latencies are predicted at
 * @param latency predicts
 * @param seed for policies that draw
 */
public record BatchRequest(List<Sample> samples, int numMicroBatches, List<Double> rankSpeeds, int tokenCap,
        Budgets baseBudgets, LatencyModel latency, long seed) {
    /** Copies. */
    public BatchRequest {
        samples = List.copyOf(samples);
        rankSpeeds = List.copyOf(rankSpeeds);
    }

    /** Number of ranks. */
    public int numRanks() {
        return rankSpeeds.size();
    }
}
