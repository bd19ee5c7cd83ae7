package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;

/** What a document costs at every level: attention seconds of one layer, computed pairs, tokens times the budget it can use. */
final class DocumentTables {
    private final LengthGrid grid;
    private final int numLevels;
    private final double[] seconds;
    private final double[] pairs;
    private final double[] effective;
    private final double[] logs;

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
        this.logs = new double[grid.size()];
        for (int point = 0; point < grid.size(); point++) {
            int length = grid.length(point);
            int numBlocks = latency.numBlocks(length);
            logs[point] = Math.log(length);
            int at = point * numLevels;
            latency.attentionSeconds(length, levels.budgets(), seconds, at);
            for (int level = 0; withDensity && level < numLevels; level++, at++) {
                // Beyond the budget that covers the document nothing changes.
                boolean same = level > 0 && levels.budget(level - 1) >= numBlocks;
                int budget = levels.budget(level);
                pairs[at] = same
                        ? pairs[at - 1]
                        : latency.density(length, budget) * length * (length + 1.0) / 2;
                effective[at] = (double) length * Math.min(budget, numBlocks);
            }
        }
    }

    /**
     * Adds a document to sums over levels, from {@code offset} on; to those of pairs and effective budgets only where they were asked
     * for.
     *
     * @return logarithm of the length
     */
    double add(int length, int offset, double[] secondsSums, double[] pairsSums, double[] effectiveSums) {
        int point = grid.below(length);
        double share = grid.share(point, length);
        add(seconds, point, share, secondsSums, offset);
        if (pairs.length > 0) {
            add(pairs, point, share, pairsSums, offset);
            add(effective, point, share, effectiveSums, offset);
        }
        return share == 0 ? logs[point] : logs[point] + share * (logs[point + 1] - logs[point]);
    }

    private void add(double[] table, int point, double share, double[] sums, int offset) {
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
