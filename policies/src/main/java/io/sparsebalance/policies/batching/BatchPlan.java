package io.sparsebalance.policies.batching;

import java.util.List;

/**
 * Micro-batches of one step and the rank of each.
 *
 * @param microBatches samples of each micro-batch, none empty; together exactly the request's samples
 * @param rankOf rank of each micro-batch; a rank may have none
 */
public record BatchPlan(List<List<Sample>> microBatches, List<Integer> rankOf) {
    /** Copies. */
    public BatchPlan {
        microBatches = microBatches.stream().map(List::copyOf).toList();
        rankOf = List.copyOf(rankOf);
    }
}
