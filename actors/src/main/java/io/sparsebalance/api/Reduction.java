package io.sparsebalance.api;

/** How gradients of micro-batches and ranks add up. */
public enum Reduction {
    /** In F32: the result's last bits depend on the number of ranks and on who ran what. */
    FAST,
    /** In fixed point, each micro-batch by itself: the same bits for any number of ranks and any assignment. */
    EXACT
}
