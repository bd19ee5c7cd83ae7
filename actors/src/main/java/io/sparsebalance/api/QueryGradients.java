package io.sparsebalance.api;

/** How attention's backward on a GPU sums up gradients of queries, {@code device.query-gradients}. */
public enum QueryGradients {
    /** In a fixed order, by a kernel of their own: equal runs give equal bits. */
    DETERMINISTIC,
    /** Where gradients of keys are computed, in whatever order, on GPUs that have the kernels; as {@link #DETERMINISTIC} else. */
    ADDED
}
