package io.sparsebalance.engine;

import java.util.List;

/**
 * What a forward, or a forward and backward, found.
 *
 * @param lossSum sum of the targets' losses, nats
 * @param numTargets targets summed
 * @param selectedPairs (query, key) pairs computed, summed over layers, mean over key/value heads
 * @param causalPairs causal pairs, summed over layers
 * @param coverage of each layer, at each of the asked budgets
 */
public record MicroBatchResult(double lossSum, long numTargets, long selectedPairs, long causalPairs,
        List<List<Double>> coverage) {
    /** Copies. */
    public MicroBatchResult {
        coverage = coverage.stream().map(List::copyOf).toList();
    }
}
