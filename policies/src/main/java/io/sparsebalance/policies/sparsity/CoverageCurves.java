package io.sparsebalance.policies.sparsity;

/**
 * Share of the router's probability mass that a budget keeps, by layer and document length. Not decreasing in the budget,
 * 1 where the budget covers the document.
 */
@FunctionalInterface
public interface CoverageCurves {
    /** Coverage, 0 to 1, of a document of {@code length} tokens in {@code layer} at {@code budget} blocks. */
    double coverage(int layer, int length, int budget);
}
