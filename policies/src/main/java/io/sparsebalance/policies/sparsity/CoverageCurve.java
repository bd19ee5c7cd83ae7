package io.sparsebalance.policies.sparsity;

import java.util.Arrays;
import java.util.stream.IntStream;

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

    /** A table of coverage takes a third of a million roots, of few numbers. */
    private static final double[] ROOTS = IntStream.range(0, 1024).mapToDouble(Math::sqrt).toArray();

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
        double[] single = new double[1];
        at(new int[]{budget}, numBlocks, single, 0);
        return single[0];
    }

    /**
     * The same at ascending budgets.
     *
     * @param into written from {@code offset} on
     */
    void at(int[] budgets, int numBlocks, double[] into, int offset) {
        double end = root(numBlocks);
        boolean measured = rootBudgets.length > 0 && rootBudgets[0] < end;
        // What is missing is the lower of the line about a budget and the lowest line from a sample below it to the end.
        double from = 1;
        double rise = measured ? (rootMissing[0] - 1) / rootBudgets[0] : -1 / end;
        double slope = Double.POSITIVE_INFINITY;
        double nextRoot = measured ? rootBudgets[0] : Double.POSITIVE_INFINITY;
        int next = 0;
        for (int i = 0; i < budgets.length; i++) {
            if (budgets[i] >= numBlocks) {
                Arrays.fill(into, offset + i, offset + budgets.length, 1);
                return;
            }
            double at = root(budgets[i]);
            while (at >= nextRoot) {
                slope = Math.min(slope, rootMissing[next] / (end - rootBudgets[next]));
                next++;
                boolean more = next < rootBudgets.length && rootBudgets[next] < end;
                rise = more
                        ? (rootMissing[next] - rootMissing[next - 1]) / (rootBudgets[next] - rootBudgets[next - 1])
                        : 0;
                from = more ? rootMissing[next - 1] - rise * rootBudgets[next - 1] : 1;
                nextRoot = more ? rootBudgets[next] : Double.POSITIVE_INFINITY;
            }
            double missing = Math.min(from + rise * at, slope * (end - at));
            into[offset + i] = 1 - missing * missing;
        }
    }

    private static double root(int blocks) {
        return blocks < ROOTS.length ? ROOTS[blocks] : Math.sqrt(blocks);
    }
}
