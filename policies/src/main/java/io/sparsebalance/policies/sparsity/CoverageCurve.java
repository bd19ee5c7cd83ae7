package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * Coverage of one layer and length band, from samples at a few budgets.
 *
 * <p>Between samples, {@code sqrt(1 - C)} is a straight line in {@code sqrt(k)}. That is exact for the curve that stands in
 * where nothing was measured: if the best k of a tile's t blocks hold {@code sqrt(k / t)} of its mass, a document of n blocks
 * has {@code C(k) = 2 sqrt(k / n) - k / n}, so {@code sqrt(1 - C) = 1 - sqrt(k / n)}. Straight lines in k instead would give
 * every block between two samples the same worth and so send whole stretches of budget to one layer.
 *
 * <p>Repaired to be monotone and concave: samples that fall are lifted to the one before, and the lower convex hull of
 * {@code sqrt(1 - C)} over {@code sqrt(k)}, down to 0 at the document's last block, is taken; a convex falling line there is a
 * concave rising one in C.
 */
final class CoverageCurve {
    /** Nothing was measured. */
    static final CoverageCurve UNMEASURED = new CoverageCurve(new double[0], new double[0]);

    private final double[] rootBudgets;
    private final double[] rootMissing;

    private CoverageCurve(double[] rootBudgets, double[] rootMissing) {
        this.rootBudgets = rootBudgets;
        this.rootMissing = rootMissing;
    }

    /**
     * Through samples.
     *
     * @param budgets ascending
     * @param coverage at each, cut to 0 to 1
     */
    static CoverageCurve of(int[] budgets, double[] coverage) {
        double[] x = new double[budgets.length];
        double[] y = new double[budgets.length];
        int size = 0;
        double most = 0;
        for (int i = 0; i < budgets.length; i++) {
            most = Math.max(most, Math.min(1, coverage[i]));
            double root = Math.sqrt(budgets[i]);
            double missing = Math.sqrt(1 - most);
            while (size > 1 && isAbove(x, y, size, root, missing)) {
                size--;
            }
            x[size] = root;
            y[size++] = missing;
        }
        return new CoverageCurve(Arrays.copyOf(x, size), Arrays.copyOf(y, size));
    }

    /** Whether the last point lies on or above the line from the one before it to a new one. */
    private static boolean isAbove(double[] x, double[] y, int size, double newX, double newY) {
        double x0 = x[size - 2];
        double y0 = y[size - 2];
        return (y[size - 1] - y0) * (newX - x0) >= (newY - y0) * (x[size - 1] - x0);
    }

    /** Coverage of a document of {@code numBlocks} blocks, 0 to 1. */
    double at(int budget, int numBlocks) {
        if (budget >= numBlocks) {
            return 1;
        }
        double end = Math.sqrt(numBlocks);
        double at = Math.sqrt(budget);
        double missing = 1;
        // The hull's last piece depends on the document: it is the lowest line from a sample below to the end.
        for (int i = 0; i < rootBudgets.length && rootBudgets[i] <= at; i++) {
            missing = Math.min(missing, rootMissing[i] * (end - at) / (end - rootBudgets[i]));
            if (i + 1 < rootBudgets.length && rootBudgets[i + 1] < end) {
                double share = Math.min(1, (at - rootBudgets[i]) / (rootBudgets[i + 1] - rootBudgets[i]));
                double chain = rootMissing[i] + share * (rootMissing[i + 1] - rootMissing[i]);
                missing = share < 1 ? Math.min(missing, chain) : missing;
            }
        }
        if (rootBudgets.length == 0 || rootBudgets[0] >= end) {
            missing = 1 - at / end;
        } else if (at < rootBudgets[0]) {
            missing = 1 + at / rootBudgets[0] * (rootMissing[0] - 1);
        }
        return 1 - missing * missing;
    }
}
