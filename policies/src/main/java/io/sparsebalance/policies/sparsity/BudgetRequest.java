package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;
import java.util.List;

/**
 * What dynamic sparsity tuning decides on.
 *
 * @param lengths document lengths of each micro-batch
 * @param ranks rank of each micro-batch; budgets steer the ranks' sums to one another, not micro-batch by micro-batch,
 *              when ranks hold several
 * @param rankSpeeds slowdown factor of each rank
 * @param settings base budget, limits, anchor, guard
 */
public record BudgetRequest(List<List<Integer>> lengths, List<Integer> ranks, List<Double> rankSpeeds,
        SparsitySettings settings, LatencyModel latency, CoverageCurves curves) {
    /** Copies. */
    public BudgetRequest {
        lengths = lengths.stream().map(List::copyOf).toList();
        ranks = List.copyOf(ranks);
        rankSpeeds = List.copyOf(rankSpeeds);
    }
}
