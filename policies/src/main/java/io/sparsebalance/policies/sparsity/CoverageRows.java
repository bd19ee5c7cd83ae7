package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Numbers;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.Arrays;

/**
 * Coverage at every level, by layer and document length, and the floors that the guard sets.
 *
 * <p>With few documents every length has a row; with many, those within an eighth of a doubling share one, of their mean length, over
 * which coverage hardly changes. Documents that the lowest level covers need none: nothing changes for them. Layers whose curves
 * are equal share their rows, since before anything is measured all are.
 */
final class CoverageRows {
    /** Weight of the default curve, which orders layers whose measured curves are flat. */
    private static final double ORDERING = 1e-3;
    private static final double ROUNDING = 1e-12;
    /** Cells of rounded lengths in each doubling. */
    private static final int CELL_BITS = 3;
    private static final int CELLS = 1 << CELL_BITS;
    private static final int NUM_CELLS = 31 * CELLS;

    /** Row of a document that every level covers. */
    static final int COVERED = -1;

    private final LatencyModel latency;
    private final int lowestBudget;
    /** Length that each row stands for, rising. */
    private final int[] represented;
    /** Row of each cell of rounded lengths; null where every length has a row. */
    private final short[] rowOfCell;
    private final int numLevels;
    private final int[] kindOfLayer;
    private final int numKinds;
    /** Coverage at [kind][row, level]. */
    private final double[][] coverage;
    /** What orders layers of flat curves, at [row, level]. */
    private final double[] ordering;
    /** Floor level at [row][layer]. */
    private final short[] floors;

    CoverageRows(int[] lengths, boolean rounded, BudgetLevels levels, BudgetRequest request) {
        this.latency = request.latency();
        this.lowestBudget = levels.budget(0);
        this.numLevels = levels.size();
        this.rowOfCell = rounded ? new short[NUM_CELLS] : null;
        int[] uncovered = uncovered(lengths);
        this.represented = rounded ? rounded(uncovered) : Numbers.distinct(uncovered);
        int numLayers = latency.numLayers();
        this.kindOfLayer = new int[numLayers];
        this.floors = new short[represented.length * numLayers];
        this.coverage = new double[numLayers][];
        int base = levels.atLeast(request.settings().baseBudget());
        int kinds = 0;
        double[] table = new double[represented.length * numLevels];
        for (int layer = 0; layer < numLayers; layer++) {
            for (int row = 0; row < represented.length; row++) {
                fill(table, row, layer, levels, request);
                floors[row * numLayers + layer] = floor(table, row * numLevels, base, request.settings().guard());
            }
            int kind = kindOf(table, kinds);
            kindOfLayer[layer] = kind;
            if (kind == kinds) {
                coverage[kinds++] = table;
                table = new double[table.length];
            }
        }
        this.numKinds = kinds;
        this.ordering = ordering(levels);
    }

    private int[] uncovered(int[] lengths) {
        int[] uncovered = new int[lengths.length];
        int size = 0;
        for (int length : lengths) {
            if (!isCovered(length)) {
                uncovered[size++] = length;
            }
        }
        return Arrays.copyOf(uncovered, size);
    }

    private boolean isCovered(int length) {
        return latency.numBlocks(length) <= lowestBudget;
    }

    /**
     * The mean of the documents' lengths, by their tokens, in each eighth of a doubling that holds any: with its middle, worth would
     * lean to one side wherever documents do.
     */
    private int[] rounded(int[] lengths) {
        long[] tokens = new long[NUM_CELLS];
        double[] weighted = new double[NUM_CELLS];
        for (int length : lengths) {
            int cell = cell(length);
            tokens[cell] += length;
            weighted[cell] += (double) length * length;
        }
        int[] means = new int[NUM_CELLS];
        int size = 0;
        for (int cell = 0; cell < NUM_CELLS; cell++) {
            if (tokens[cell] > 0) {
                rowOfCell[cell] = (short) size;
                means[size++] = (int) Math.round(weighted[cell] / tokens[cell]);
            }
        }
        return Arrays.copyOf(means, size);
    }

    private static int cell(int length) {
        int exponent = 31 - Integer.numberOfLeadingZeros(length);
        int eighth = exponent >= CELL_BITS ? (length >> (exponent - CELL_BITS)) & (CELLS - 1) : 0;
        return exponent * CELLS + eighth;
    }

    private void fill(double[] table, int row, int layer, BudgetLevels levels, BudgetRequest request) {
        int numBlocks = request.latency().numBlocks(represented[row]);
        int at = row * numLevels;
        request.curves().coverage(layer, represented[row], levels.budgets(), table, at);
        double last = 0;
        for (int level = 0; level < numLevels; level++) {
            double read = levels.budget(level) >= numBlocks ? 1 : Math.min(1, table[at + level]);
            last = Math.max(last, read);
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

    /** The kind that has this very table, or a new one. */
    private int kindOf(double[] table, int kinds) {
        for (int kind = 0; kind < kinds; kind++) {
            if (Arrays.equals(coverage[kind], table)) {
                return kind;
            }
        }
        return kinds;
    }

    private double[] ordering(BudgetLevels levels) {
        double[] curves = new double[represented.length * numLevels];
        for (int row = 0; row < represented.length; row++) {
            CoverageCurve.UNMEASURED.at(levels.budgets(), latency.numBlocks(represented[row]), curves,
                    row * numLevels);
        }
        return curves;
    }

    int numRows() {
        return represented.length;
    }

    /** Row of a document, or {@link #COVERED}. */
    int row(int length) {
        if (isCovered(length)) {
            return COVERED;
        }
        return rowOfCell == null ? Arrays.binarySearch(represented, length) : rowOfCell[cell(length)];
    }

    /** Kinds of layers; those of a kind have equal curves. */
    int numKinds() {
        return numKinds;
    }

    int[] kindOfLayer() {
        return kindOfLayer.clone();
    }

    /** Adds a row's coverage in layers of a kind, times a weight, to sums over levels. */
    void addWorth(int kind, int row, double weight, double[] sums) {
        add(coverage[kind], row, (1 - ORDERING) * weight, sums);
    }

    /** Adds what a row is worth besides, whatever the kind. */
    void addOrdering(int row, double weight, double[] sums) {
        add(ordering, row, ORDERING * weight, sums);
    }

    private void add(double[] table, int row, double weight, double[] sums) {
        int from = row * numLevels;
        for (int level = 0; level < numLevels; level++) {
            sums[level] += weight * table[from + level];
        }
    }

    /** Raises the floors of a micro-batch to those of one of its documents. */
    void raiseFloors(int row, short[] floorsOfMicroBatch, int offset) {
        if (row == COVERED) {
            return;
        }
        int numLayers = kindOfLayer.length;
        int from = row * numLayers;
        for (int layer = 0; layer < numLayers; layer++) {
            floorsOfMicroBatch[offset + layer] = (short) Math.max(floorsOfMicroBatch[offset + layer],
                    floors[from + layer]);
        }
    }
}
