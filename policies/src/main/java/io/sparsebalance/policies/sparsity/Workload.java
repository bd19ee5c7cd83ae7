package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.cost.LatencyModel;
import java.util.Arrays;
import java.util.List;

/**
 * The micro-batches of a request as tables: what each costs at every level, and in which order its layers are filled. Seconds
 * are those of a rank of speed 1.
 */
final class Workload {
    /** Up to here every document and micro-batch is tabulated by itself, and every block is a level. */
    private static final int MAX_EXACT_DOCUMENTS = 64;
    private static final int MAX_EXACT_MICRO_BATCHES = 64;
    private static final int EXACT_STEPS = 64;
    private static final int COARSE_STEPS = 16;
    private static final int MAX_EXACT_PRICES = 4096;
    private static final int MAX_COARSE_PRICES = 256;
    private static final int MAX_TABLE = 1 << 21;

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

    /** @param withDensity whether {@link #pairs} and {@link #effective} will be asked */
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
        int longestOfAll = Math.max(1, Arrays.stream(longest).max().orElse(1));
        int covering = latency.numBlocks(longestOfAll);
        levels = new BudgetLevels(request.settings(), covering, exact ? EXACT_STEPS : COARSE_STEPS);
        constantSeconds = new double[numMicroBatches];
        layerSeconds = new double[numMicroBatches * levels.size()];
        pairs = new double[withDensity ? layerSeconds.length : 0];
        effective = new double[pairs.length];
        floors = new short[numMicroBatches * numLayers];
        tops = new short[numMicroBatches];
        CoverageRows coverage = new CoverageRows(documentLength, !exact, levels, request);
        kindOfLayer = coverage.kindOfLayer();
        sumDocuments(latency, coverage, withDensity);
        profiles = exact
                ? Profiles.single(numMicroBatches)
                : grouped(request.settings(), (double) longestOfAll / covering);
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

    private void sumDocuments(LatencyModel latency, CoverageRows coverage, boolean withDensity) {
        LengthGrid grid = exact ? LengthGrid.exact(documentLength) : LengthGrid.around(documentLength);
        DocumentTables tables = new DocumentTables(grid, levels, latency, withDensity);
        for (int i = 0; i < numMicroBatches; i++) {
            constantSeconds[i] = latency.fixedSeconds() + latency.linearSeconds((long) tokens[i]);
            tops[i] = (short) levels.atLeast(latency.numBlocks(Math.max(1, longest[i])));
            int row = i * levels.size();
            for (int d = documentStart[i]; d < documentStart[i + 1]; d++) {
                int length = documentLength[d];
                tables.addSeconds(length, layerSeconds, row);
                if (withDensity) {
                    tables.addPairs(length, pairs, row);
                    tables.addEffective(length, effective, row);
                }
                coverage.raiseFloors(coverage.row(length), floors, i * numLayers);
            }
        }
    }

    /** A document weighs what it adds between k-min and twice k-base, to within a factor: the blocks it has there. */
    private Profiles grouped(SparsitySettings settings, double block) {
        double[] weights = new double[numMicroBatches];
        double[] sums = new double[numMicroBatches];
        double[] squares = new double[numMicroBatches];
        for (int i = 0; i < numMicroBatches; i++) {
            for (int d = documentStart[i]; d < documentStart[i + 1]; d++) {
                double weight = documentLength[d] - block * settings.minBudget();
                if (weight > 0) {
                    double log = Math.log(documentLength[d]);
                    weights[i] += weight;
                    sums[i] += weight * log;
                    squares[i] += weight * log * log;
                }
            }
        }
        return Profiles.grouped(weights, sums, squares);
    }

    private FillOrder order(CoverageRows coverage) {
        int numProfiles = profiles.size();
        int numLevels = levels.size();
        double[] seconds = new double[numProfiles * numLevels];
        double[][] rows = new double[numProfiles][coverage.numRows()];
        for (int i = 0; i < numMicroBatches; i++) {
            int profile = profiles.of(i);
            for (int level = 0; level < numLevels; level++) {
                seconds[profile * numLevels + level] += layerSeconds[i * numLevels + level];
            }
            for (int d = documentStart[i]; d < documentStart[i + 1]; d++) {
                rows[profile][coverage.row(documentLength[d])] += documentLength[d];
            }
        }
        FillOrder.Builder builder = new FillOrder.Builder(numProfiles, coverage.numKinds(), numLevels);
        double[] worth = new double[numLevels];
        for (int profile = 0; profile < numProfiles; profile++) {
            for (int kind = 0; kind < coverage.numKinds(); kind++) {
                Arrays.fill(worth, 0);
                for (int row = 0; row < rows[profile].length; row++) {
                    if (rows[profile][row] > 0) {
                        coverage.addWorth(kind, row, rows[profile][row], worth, 0);
                    }
                }
                builder.add(seconds, profile * numLevels, worth);
            }
        }
        int room = MAX_TABLE / Math.max(1, numProfiles * coverage.numKinds());
        return builder.build(Math.clamp(room, 16, exact ? MAX_EXACT_PRICES : MAX_COARSE_PRICES));
    }

    int numMicroBatches() {
        return numMicroBatches;
    }

    int numLayers() {
        return numLayers;
    }

    /** Whether nothing is rounded. */
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

    /** Attention seconds of one layer. */
    double layerSeconds(int microBatch, int level) {
        return layerSeconds[microBatch * levels.size() + level];
    }

    /** Computed pairs of one layer. */
    double pairs(int microBatch, int level) {
        return pairs[microBatch * levels.size() + level];
    }

    /** Tokens times the budget they can use, of one layer. */
    double effective(int microBatch, int level) {
        return effective[microBatch * levels.size() + level];
    }

    FillOrder order() {
        return order;
    }

    /** Where the order's levels of a micro-batch at a price begin. */
    int orderOffset(int microBatch, int price) {
        return order.offset(profiles.of(microBatch), price);
    }

    /** Kind of each layer, in the order's levels. Not to be changed. */
    int[] kindOfLayer() {
        return kindOfLayer;
    }
}
