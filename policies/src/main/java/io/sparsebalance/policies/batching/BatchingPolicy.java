package io.sparsebalance.policies.batching;

/**
 * Places the samples of one global batch into micro-batches, and micro-batches onto ranks. Pure and deterministic.
 *
 * <p>The content of the micro-batches does not depend on the number of ranks; only the assignment does.
 */
public interface BatchingPolicy {
    /** Name as written in the configuration: {@code random}, {@code sorted}, {@code lbb}, {@code sab}. */
    String name();

    /**
     * Plans one step.
     *
     * @throws InfeasibleBatchException if the samples cannot be placed under the token cap; names sample and cap
     */
    BatchPlan plan(BatchRequest request);
}
