package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;
import java.util.Arrays;
import java.util.List;

/**
 * The micro-batches of a request as tables: what each costs at every level, and in which order its layers are filled. Seconds
 * are those of a rank of speed 1.
 */
final class Workload {
    /** Up to here every document and micro-batch is tabulated by itself. */
    private static final int MAX_EXACT_DOCUMENTS = 64;
    private static final int MAX_EXACT_MICRO_BATCHES = 64;
    /** Documents times layers up to which every block to 64 is a level; many layers even out what a coarser step of one leaves. */
    private static final int MAX_FINE_TABLES = 256;
    private static final int FINE_STEPS = 64;
    private static final int STEPS = 16;
    private static final int MAX_EXACT_PRICES = 512;
    private static final int MAX_COARSE_PRICES = 256;

    private final int numMicroBatches;
    private final int numLayers;
    private final boolean exact;
    private final BudgetLevels levels;
    private final int[] documentStart;
    private final int[] documentLength;
    private final double[] constantSeconds;
    private final double[] layerSeconds;
    private final double[] pairs;
    private final double[] effective;
    private final double[] tokens;
    private final int[] longest;
    private final short[] floors;
    private final short[] tops;
    private final int[] kindOfLayer;
    private final Profiles profiles;
    private final FillOrder order;

    /** @param withDensity whether {@link #pairs()} and {@link #effective()} will be asked */
    Workload(BudgetRequest request, boolean withDensity) {
        LatencyModel latency = request.latency();
        List<List<Integer>> lengths = request.lengths();
        numMicroBatches = lengths.size();
        numLayers = latency.numLayers();
        documentStart = new int[numMicroBatches + 1];
        for (int i = 0; i < numMicroBatches; i++) {
            documentStart[i + 1] = documentStart[i] + lengths.get(i).size();
        }
        documentLength = new int[documentStart[numMicroBatches]];
        tokens = new double[numMicroBatches];
        longest = new int[numMicroBatches];
        readLengths(lengths);
        exact = numMicroBatches <= MAX_EXACT_MICRO_BATCHES && documentLength.length <= MAX_EXACT_DOCUMENTS;
        boolean fine = exact && documentLength.length * numLayers <= MAX_FINE_TABLES;
        int longestOfAll = 1;
        for (int length : longest) {
            longestOfAll = Math.max(longestOfAll, length);
        }
        int covering = latency.numBlocks(longestOfAll);
        levels = new BudgetLevels(request.settings(), covering, fine ? FINE_STEPS : STEPS);
        constantSeconds = new double[numMicroBatches];
        layerSeconds = new double[numMicroBatches * levels.size()];
        pairs = new double[withDensity ? layerSeconds.length : 0];
        effective = new double[pairs.length];
        floors = new short[numMicroBatches * numLayers];
        tops = new short[numMicroBatches];
        CoverageRows coverage = new CoverageRows(documentLength, !exact, levels, request);
        kindOfLayer = coverage.kindOfLayer();
        Profiles.Moments moments = sumDocuments(latency, coverage, withDensity,
                (double) longestOfAll / covering * request.settings().minBudget());
        profiles = exact ? Profiles.single(numMicroBatches) : Profiles.grouped(moments);
        order = order(coverage);
    }

    private void readLengths(List<List<Integer>> lengths) {
        int at = 0;
        for (int i = 0; i < numMicroBatches; i++) {
            for (int length : lengths.get(i)) {
                documentLength[at++] = length;
                tokens[i] += length;
                longest[i] = Math.max(longest[i], length);
            }
        }
    }

    /**
     * A document weighs in its micro-batch's moments what it adds between k-min and twice k-base, to within a factor: the tokens
     * it has beyond the free ones.
     */
    private Profiles.Moments sumDocuments(LatencyModel latency, CoverageRows coverage, boolean withDensity,
            double freeTokens) {
        LengthGrid grid = exact ? LengthGrid.exact(documentLength) : LengthGrid.around(documentLength);
        DocumentTables tables = new DocumentTables(grid, levels, latency, withDensity);
        Profiles.Moments moments = new Profiles.Moments(numMicroBatches);
        for (int i = 0; i < numMicroBatches; i++) {
            constantSeconds[i] = latency.fixedSeconds() + latency.linearSeconds((long) tokens[i]);
            tops[i] = (short) levels.atLeast(latency.numBlocks(Math.max(1, longest[i])));
            for (int d = documentStart[i]; d < documentStart[i + 1]; d++) {
                int length = documentLength[d];
                double logarithm = tables.add(length, i * levels.size(), layerSeconds, pairs, effective);
                moments.add(i, length - freeTokens, logarithm);
                coverage.raiseFloors(coverage.row(length), floors, i * numLayers);
            }
        }
        return moments;
    }

    private FillOrder order(CoverageRows coverage) {
        int numProfiles = profiles.size();
        int numLevels = levels.size();
        double[] seconds = new double[numProfiles * numLevels];
        double[][] tokensOfRow = new double[numProfiles][coverage.numRows()];
        int[] topOf = new int[numProfiles];
        for (int i = 0; i < numMicroBatches; i++) {
            int profile = profiles.of(i);
            topOf[profile] = Math.max(topOf[profile], tops[i]);
            for (int level = 0; level < numLevels; level++) {
                seconds[profile * numLevels + level] += layerSeconds[i * numLevels + level];
            }
            for (int d = documentStart[i]; d < documentStart[i + 1]; d++) {
                int row = coverage.row(documentLength[d]);
                if (row != CoverageRows.COVERED) {
                    tokensOfRow[profile][row] += documentLength[d];
                }
            }
        }
        FillOrder.Builder builder = new FillOrder.Builder(numProfiles, coverage.numKinds(), numLevels);
        double[] besides = new double[numLevels];
        double[] worth = new double[numLevels];
        int[] rows = new int[coverage.numRows()];
        for (int profile = 0; profile < numProfiles; profile++) {
            double[] weights = tokensOfRow[profile];
            int numRows = 0;
            for (int row = 0; row < weights.length; row++) {
                if (weights[row] > 0) {
                    rows[numRows++] = row;
                }
            }
            Arrays.fill(besides, 0);
            for (int n = 0; n < numRows; n++) {
                coverage.addOrdering(rows[n], weights[rows[n]], besides);
            }
            for (int kind = 0; kind < coverage.numKinds(); kind++) {
                System.arraycopy(besides, 0, worth, 0, numLevels);
                for (int n = 0; n < numRows; n++) {
                    coverage.addWorth(kind, rows[n], weights[rows[n]], worth);
                }
                builder.add(seconds, profile * numLevels, worth, topOf[profile] + 1);
            }
        }
        return builder.build(exact ? MAX_EXACT_PRICES : MAX_COARSE_PRICES);
    }

    int numMicroBatches() {
        return numMicroBatches;
    }

    int numLayers() {
        return numLayers;
    }

    /** Whether no cost is rounded. */
    boolean exact() {
        return exact;
    }

    BudgetLevels levels() {
        return levels;
    }

    double tokens(int microBatch) {
        return tokens[microBatch];
    }

    int longest(int microBatch) {
        return longest[microBatch];
    }

    /** Smallest level that the guard allows. */
    int floor(int microBatch, int layer) {
        return floors[microBatch * numLayers + layer];
    }

    /** Level above which nothing changes: every document is covered, or k-max is reached. */
    int top(int microBatch) {
        return tops[microBatch];
    }

    /** Seconds whatever the budgets. */
    double constantSeconds(int microBatch) {
        return constantSeconds[microBatch];
    }

    /** Attention seconds of one layer, at [micro-batch][level]. Not to be changed. */
    double[] layerSeconds() {
        return layerSeconds;
    }

    /** Attention seconds of one layer. */
    double layerSeconds(int microBatch, int level) {
        return layerSeconds[microBatch * levels.size() + level];
    }

    /** Computed pairs of one layer, at [micro-batch][level]. Not to be changed. */
    double[] pairs() {
        return pairs;
    }

    /** Tokens times the budget they can use, of one layer, at [micro-batch][level]. Not to be changed. */
    double[] effective() {
        return effective;
    }

    /** Number of prices that {@link #levelsAt} knows. */
    int numPrices() {
        return order.numPrices();
    }

    /** Level that each kind of layer of a micro-batch is worth at a price. Not to be changed. */
    short[] levelsAt(int microBatch, int price) {
        return order.levels(profiles.of(microBatch), price);
    }

    /** Kind of each layer, in the order's levels. Not to be changed. */
    int[] kindOfLayer() {
        return kindOfLayer;
    }
}
