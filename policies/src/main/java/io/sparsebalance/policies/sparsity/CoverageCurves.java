package io.sparsebalance.policies.sparsity;

/**
 * Share of the router's probability mass that a budget keeps, by layer and document length. Not decreasing in the budget,
 * 1 where the budget covers the document.
 */
@FunctionalInterface
public interface CoverageCurves {
    /** Coverage, 0 to 1, of a document of {@code length} tokens in {@code layer} at {@code budget} blocks. */
    double coverage(int layer, int length, int budget);

    /**
     * The same at many budgets: whole tables are read this way.
     *
     * @param budgets ascending
     * @param into written from {@code at} on
     */
    default void coverage(int layer, int length, int[] budgets, double[] into, int at) {
        for (int i = 0; i < budgets.length; i++) {
            into[at + i] = coverage(layer, length, budgets[i]);
        }
    }
}
