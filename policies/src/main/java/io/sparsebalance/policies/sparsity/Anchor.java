package io.sparsebalance.policies.sparsity;

/** The latency that dynamic sparsity tuning steers every micro-batch to. */
public enum Anchor {
    /** Mean of the base latencies. */
    MEAN,
    /** Median of the base latencies. */
    MEDIAN,
    /** Fastest micro-batch. */
    MIN,
    /** Slowest micro-batch: budgets only rise. */
    MAX,
    /** The smallest target at which the token-weighted mean budget is not below the base. */
    ISO_DENSITY
}
