package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;

/** What a document costs at every level: attention seconds of one layer, computed pairs, effective budget. */
final class DocumentTables {
    private final LengthGrid grid;
    private final int numLevels;
    private final double[] seconds;
    private final double[] pairs;
    private final double[] effective;

    /**
     * For every point of the grid and every level.
     *
     * @param withDensity whether pairs and effective budgets are asked for
     */
    DocumentTables(LengthGrid grid, BudgetLevels levels, LatencyModel latency, boolean withDensity) {
        this.grid = grid;
        this.numLevels = levels.size();
        this.seconds = new double[grid.size() * numLevels];
        this.pairs = new double[withDensity ? seconds.length : 0];
        this.effective = new double[pairs.length];
        for (int point = 0; point < grid.size(); point++) {
            int length = grid.length(point);
            int numBlocks = latency.numBlocks(length);
            int at = point * numLevels;
            for (int level = 0; level < numLevels; level++, at++) {
                // Beyond the budget that covers the document nothing changes.
                boolean same = level > 0 && levels.budget(level - 1) >= numBlocks;
                int budget = levels.budget(level);
                seconds[at] = same ? seconds[at - 1] : latency.attentionSeconds(length, budget);
                if (withDensity) {
                    pairs[at] = same
                            ? pairs[at - 1]
                            : latency.density(length, budget) * length * (length + 1.0) / 2;
                    effective[at] = (double) length * Math.min(budget, numBlocks);
                }
            }
        }
    }

    /** Adds a document's seconds to a row of sums. */
    void addSeconds(int length, double[] sums, int offset) {
        add(seconds, length, sums, offset);
    }

    /** Adds a document's pairs to a row of sums. */
    void addPairs(int length, double[] sums, int offset) {
        add(pairs, length, sums, offset);
    }

    /** Adds a document's tokens times the budget it can use to a row of sums. */
    void addEffective(int length, double[] sums, int offset) {
        add(effective, length, sums, offset);
    }

    private void add(double[] table, int length, double[] sums, int offset) {
        int point = grid.below(length);
        double share = grid.share(point, length);
        int low = point * numLevels;
        if (share == 0) {
            for (int level = 0; level < numLevels; level++) {
                sums[offset + level] += table[low + level];
            }
            return;
        }
        int high = low + numLevels;
        for (int level = 0; level < numLevels; level++) {
            double value = table[low + level];
            sums[offset + level] += value + share * (table[high + level] - value);
        }
    }
}
