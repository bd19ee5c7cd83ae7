package io.sparsebalance.policies.batching;

import java.util.Arrays;

/**
 * Finds the bin in which an item would end first, among those with room, in about log(bins): a tournament tree that holds the
 * least load, the least slowdown and the fewest tokens below each node, and a search that leaves out what they exclude.
 */
final class LoadTree {
    private final int leaves;
    private final double[] loads;
    private final double[] speeds;
    private final long[] tokens;
    private int best;
    private double bestEnd;

    /** Empty bins, one for each slowdown. */
    LoadTree(double[] binSpeeds) {
        leaves = Math.max(1, Integer.highestOneBit(Math.max(1, 2 * binSpeeds.length - 1)));
        loads = new double[2 * leaves];
        speeds = new double[2 * leaves];
        tokens = new long[2 * leaves];
        Arrays.fill(loads, leaves + binSpeeds.length, 2 * leaves, Double.POSITIVE_INFINITY);
        Arrays.fill(speeds, leaves + binSpeeds.length, 2 * leaves, Double.POSITIVE_INFINITY);
        System.arraycopy(binSpeeds, 0, speeds, leaves, binSpeeds.length);
        for (int node = leaves - 1; node > 0; node--) {
            pull(node);
        }
    }

    private void pull(int node) {
        int left = 2 * node;
        int right = left + 1;
        loads[node] = Math.min(loads[left], loads[right]);
        speeds[node] = Math.min(speeds[left], speeds[right]);
        tokens[node] = Math.min(tokens[left], tokens[right]);
    }

    double load(int bin) {
        return loads[leaves + bin];
    }

    /** Sets what a bin holds. */
    void set(int bin, double load, long binTokens) {
        int node = leaves + bin;
        loads[node] = load;
        tokens[node] = binTokens;
        for (node /= 2; node > 0; node /= 2) {
            pull(node);
        }
    }

    /** The bin with the least load + slowdown * cost that holds at most so many tokens, ties to the lower number; or -1. */
    int cheapest(double cost, long mostTokens) {
        best = -1;
        bestEnd = Double.POSITIVE_INFINITY;
        descend(1, cost, mostTokens);
        return best;
    }

    private void descend(int node, double cost, long mostTokens) {
        double bound = loads[node] + speeds[node] * cost;
        if (!(bound < bestEnd) || tokens[node] > mostTokens) {
            return;
        }
        if (node >= leaves) {
            best = node - leaves;
            bestEnd = bound;
            return;
        }
        int left = 2 * node;
        int right = left + 1;
        boolean leftFirst = loads[left] + speeds[left] * cost <= loads[right] + speeds[right] * cost;
        descend(leftFirst ? left : right, cost, mostTokens);
        descend(leftFirst ? right : left, cost, mostTokens);
    }
}
