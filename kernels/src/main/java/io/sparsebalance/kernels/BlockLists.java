package io.sparsebalance.kernels;

/**
 * The kept blocks of one layer and micro-batch: per (document, key/value head, query tile) a count and ascending block ids,
 * and the inverse lists. Owned by the caller, in device memory. {@link #selectedPairs} and {@link #coverage} may wait for the device's
 * stream; they stay readable after {@link #close}, so that they can be read once for all layers when a micro-batch is done.
 */
public interface BlockLists extends AutoCloseable {
    /** Documents that the lists were made for. */
    Packing documents();

    /** Budget that the lists were made with. */
    int budget();

    /** (query, key) pairs computed, causal masking inside kept blocks counted exactly; mean over the key/value heads. */
    long selectedPairs();

    /** Selected pairs / causal pairs, 0 to 1. */
    default double density() {
        return (double) selectedPairs() / documents().causalPairs();
    }

    /**
     * Share of the router's probability mass held by the kept blocks at each asked budget: p = softmax over a tile's causal
     * blocks of score / sqrt(D); the mean over tiles and groups. Ascending in the budget, at most 1.
     */
    double[] coverage();

    @Override
    void close();
}
