package io.sparsebalance.policies.sparsity;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Running averages of measured coverage, by layer and by length band (powers of two). Immutable: an observation gives a new
 * object. Before a band was seen, the share of blocks kept, to the power of a half, stands in: concave, 0 at nothing, 1 at all.
 */
public final class RunningCoverage implements CoverageCurves {
    /** An average forgets: after this many observations a new one weighs one part in this many. */
    private static final int MEMORY = 50;

    private final int block;
    private final Map<Band, Curve> curves;

    /** Layer, and floor(log2(length)). */
    private record Band(int layer, int band) {}

    /** Averages at ascending budgets. */
    private record Curve(List<Integer> budgets, List<Double> coverage, int observations) {}

    private RunningCoverage(int block, Map<Band, Curve> curves) {
        this.block = block;
        this.curves = curves;
    }

    /** Nothing seen yet. */
    public static RunningCoverage empty(int block) {
        return new RunningCoverage(block, Map.of());
    }

    /**
     * Adds one observation.
     *
     * @param length of the document, or the longest of a micro-batch
     * @param budgets ascending, the same at every observation
     * @param coverage at each budget
     */
    public RunningCoverage observe(int layer, int length, List<Integer> budgets, List<Double> coverage) {
        if (budgets.size() != coverage.size()) {
            throw new IllegalArgumentException(budgets.size() + " budgets, but " + coverage.size() + " coverages");
        }
        Band band = band(layer, length);
        Curve before = curves.get(band);
        Curve after;
        if (before == null || !before.budgets().equals(budgets)) {
            after = new Curve(List.copyOf(budgets), List.copyOf(coverage), 1);
        } else {
            int observations = Math.min(MEMORY, before.observations() + 1);
            Double[] mean = new Double[coverage.size()];
            for (int i = 0; i < mean.length; i++) {
                double old = before.coverage().get(i);
                mean[i] = old + (coverage.get(i) - old) / observations;
            }
            after = new Curve(before.budgets(), List.of(mean), observations);
        }
        Map<Band, Curve> next = new HashMap<>(curves);
        next.put(band, after);
        return new RunningCoverage(block, next);
    }

    @Override
    public double coverage(int layer, int length, int budget) {
        int numBlocks = Math.ceilDiv(length, block);
        if (budget >= numBlocks) {
            return 1;
        }
        Curve curve = curves.get(band(layer, length));
        if (curve == null || curve.budgets().isEmpty()) {
            return Math.sqrt((double) budget / numBlocks);
        }
        // Straight lines from (0, 0) through the averages to (all blocks, 1).
        double lowBudget = 0;
        double low = 0;
        for (int i = 0; i < curve.budgets().size(); i++) {
            double highBudget = Math.min(curve.budgets().get(i), numBlocks);
            double high = Math.max(low, curve.coverage().get(i));
            if (budget <= highBudget) {
                return between(budget, lowBudget, low, highBudget, high);
            }
            lowBudget = highBudget;
            low = high;
        }
        return between(budget, lowBudget, low, numBlocks, 1);
    }

    private static double between(double x, double x0, double y0, double x1, double y1) {
        return x1 <= x0 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
    }

    private static Band band(int layer, int length) {
        return new Band(layer, 31 - Integer.numberOfLeadingZeros(length));
    }
}
