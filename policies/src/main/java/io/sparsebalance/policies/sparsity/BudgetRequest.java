package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;
import java.util.List;

/**
 * What dynamic sparsity tuning decides on.
 *
 * @param lengths document lengths of each micro-batch
 * @param ranks rank of each micro-batch; budgets steer the ranks' sums to one another, not micro-batch by micro-batch,
 *              when ranks hold several
 * @param rankSpeeds slowdown factor of each rank; from {@link BudgetMemory#held} where measured ones may change budgets
 * @param settings base budget, limits, anchor, guard
 * @param memory what the plan of the step before left
 */
public record BudgetRequest(List<List<Integer>> lengths, List<Integer> ranks, List<Double> rankSpeeds,
        SparsitySettings settings, LatencyModel latency, CoverageCurves curves, BudgetMemory memory) {
    /** Copies, and checks that sizes and ranks fit. */
    public BudgetRequest {
        lengths = lengths.stream().map(List::copyOf).toList();
        ranks = List.copyOf(ranks);
        rankSpeeds = List.copyOf(rankSpeeds);
        if (lengths.size() != ranks.size()) {
            throw new IllegalArgumentException(lengths.size() + " micro-batches, but ranks for " + ranks.size());
        }
        for (int rank : ranks) {
            if (rank < 0 || rank >= rankSpeeds.size()) {
                throw new IllegalArgumentException(
                        "a micro-batch is on rank " + rank + ", but there are " + rankSpeeds.size() + " speeds");
            }
        }
    }

    /** Without a step before: the bound on change does not apply yet. */
    public BudgetRequest(List<List<Integer>> lengths, List<Integer> ranks, List<Double> rankSpeeds,
            SparsitySettings settings, LatencyModel latency, CoverageCurves curves) {
        this(lengths, ranks, rankSpeeds, settings, latency, curves, BudgetMemory.empty());
    }
}
