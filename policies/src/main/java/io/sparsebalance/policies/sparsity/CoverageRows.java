package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Coverage at every level, by layer and document length, and the floors that the guard sets.
 *
 * <p>With few documents every length has a row; with many, lengths are rounded to a quarter of a doubling, over which coverage
 * hardly changes. Layers whose curves are equal share their rows, since before anything is measured all are.
 */
final class CoverageRows {
    /** Weight of the default curve, which orders layers whose measured curves are flat. */
    private static final double ORDERING = 1e-3;
    private static final double ROUNDING = 1e-12;
    private static final int QUARTERS = 4;

    private final LengthGrid exact;
    private final int numLevels;
    private final int numRows;
    private final int[] kindOfLayer;
    private final int numKinds;
    /** Worth at [kind][row][level]. */
    private final double[] worth;
    /** Floor level at [row][layer]. */
    private final short[] floors;

    CoverageRows(int[] lengths, boolean rounded, BudgetLevels levels, BudgetRequest request) {
        LatencyModel latency = request.latency();
        this.exact = rounded ? null : LengthGrid.exact(lengths);
        this.numLevels = levels.size();
        int[] represented = represented(lengths, rounded);
        this.numRows = represented.length;
        int numLayers = latency.numLayers();
        this.kindOfLayer = new int[numLayers];
        this.floors = new short[numRows * numLayers];
        int base = levels.atLeast(request.settings().baseBudget());
        double[][] distinct = new double[numLayers][];
        Map<DoubleBuffer, Integer> kinds = new HashMap<>();
        for (int layer = 0; layer < numLayers; layer++) {
            double[] table = new double[numRows * numLevels];
            for (int row = 0; row < numRows; row++) {
                if (represented[row] > 0) {
                    fill(table, row, layer, represented[row], levels, request);
                    floors[row * numLayers + layer] = floor(table, row * numLevels, base, request.settings().guard());
                }
            }
            Integer kind = kinds.putIfAbsent(DoubleBuffer.wrap(table), kinds.size());
            kindOfLayer[layer] = kind == null ? kinds.size() - 1 : kind;
            distinct[kindOfLayer[layer]] = table;
        }
        this.numKinds = kinds.size();
        this.worth = new double[numKinds * numRows * numLevels];
        for (int kind = 0; kind < numKinds; kind++) {
            addOrdering(distinct[kind], kind, represented, levels, latency);
        }
    }

    /** Length that each row stands for; 0 where no document needs it. */
    private int[] represented(int[] lengths, boolean rounded) {
        if (!rounded) {
            int[] all = new int[exact.size()];
            Arrays.setAll(all, exact::length);
            return all;
        }
        int[] all = new int[31 * QUARTERS];
        for (int length : lengths) {
            int exponent = 31 - Integer.numberOfLeadingZeros(length);
            int quarter = row(length) % QUARTERS;
            all[row(length)] = (int) ((1L << exponent) * (2 * QUARTERS + 2 * quarter + 1) / (2 * QUARTERS));
        }
        return all;
    }

    private static void fill(double[] table, int row, int layer, int length, BudgetLevels levels,
            BudgetRequest request) {
        int numBlocks = request.latency().numBlocks(length);
        int at = row * levels.size();
        double last = 0;
        for (int level = 0; level < levels.size(); level++) {
            int budget = levels.budget(level);
            double read = budget >= numBlocks ? 1 : request.curves().coverage(layer, length, budget);
            last = Math.max(last, Math.min(1, read));
            table[at + level] = last;
        }
    }

    private static short floor(double[] table, int from, int base, double guard) {
        double needed = (1 - guard) * table[from + base] * (1 - ROUNDING);
        int level = 0;
        while (level < base && table[from + level] < needed) {
            level++;
        }
        return (short) level;
    }

    private void addOrdering(double[] table, int kind, int[] represented, BudgetLevels levels, LatencyModel latency) {
        for (int row = 0; row < numRows; row++) {
            int numBlocks = latency.numBlocks(Math.max(1, represented[row]));
            int from = (kind * numRows + row) * numLevels;
            for (int level = 0; level < numLevels; level++) {
                double ordering = CoverageCurve.UNMEASURED.at(levels.budget(level), numBlocks);
                worth[from + level] = (1 - ORDERING) * table[row * numLevels + level] + ORDERING * ordering;
            }
        }
    }

    int numRows() {
        return numRows;
    }

    /** Row of a document. */
    int row(int length) {
        if (exact != null) {
            return exact.below(length);
        }
        int exponent = 31 - Integer.numberOfLeadingZeros(length);
        int quarter = exponent >= 2 ? (length >> (exponent - 2)) & (QUARTERS - 1) : 0;
        return exponent * QUARTERS + quarter;
    }

    /** Kinds of layers; those of a kind have equal curves. */
    int numKinds() {
        return numKinds;
    }

    int[] kindOfLayer() {
        return kindOfLayer.clone();
    }

    /** Adds a row's worth, times a weight, to sums over levels. */
    void addWorth(int kind, int row, double weight, double[] sums, int offset) {
        int from = (kind * numRows + row) * numLevels;
        for (int level = 0; level < numLevels; level++) {
            sums[offset + level] += weight * worth[from + level];
        }
    }

    /** Raises the floors of a micro-batch to those of one of its documents. */
    void raiseFloors(int row, short[] floorsOfMicroBatch, int offset) {
        int numLayers = kindOfLayer.length;
        int from = row * numLayers;
        for (int layer = 0; layer < numLayers; layer++) {
            if (floors[from + layer] > floorsOfMicroBatch[offset + layer]) {
                floorsOfMicroBatch[offset + layer] = floors[from + layer];
            }
        }
    }
}
