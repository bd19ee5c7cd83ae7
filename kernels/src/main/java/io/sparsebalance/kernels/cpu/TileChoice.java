package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import java.util.Arrays;

/**
 * Which blocks one query tile keeps: its own always, forced sink and local blocks next, then the best-scored, ties to the
 * lower index.
 */
final class TileChoice {
    private final int numPast;
    private final int numCausal;
    private final int sinks;
    private final int localFrom;
    private final double scale;
    /** Past blocks in the order in which a growing budget takes them. */
    private int[] order;

    TileChoice(AttentionShape shape, TileIndex index, int document, int tile) {
        numPast = index.firstOwnBlock(tile);
        numCausal = index.numCausalBlocks(document, tile);
        sinks = Math.min(shape.sinkBlocks(), numPast);
        localFrom = Math.max(sinks, numPast - shape.localBlocks());
        scale = 1 / Math.sqrt(shape.headSize());
    }

    /** Blocks that the tile may see, its own included. */
    int numCausal() {
        return numCausal;
    }

    /** Blocks kept at a budget. */
    int numKept(int budget) {
        return numCausal - numPast + numPastKept(budget);
    }

    /** Blocks before the tile kept at a budget: forced ones count against it but are not dropped for it. */
    int numPastKept(int budget) {
        int forced = sinks + numPast - localFrom;
        return Math.min(numPast, Math.max(forced, budget - (numCausal - numPast)));
    }

    /** Sorts the past blocks by the order in which they are taken. */
    void rank(float[] scores) {
        order = new int[numPast];
        long[] keys = new long[localFrom - sinks];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = ((long) descending(scores[sinks + i]) << 32) | (sinks + i);
        }
        Arrays.sort(keys);
        int n = 0;
        for (int b = 0; b < sinks; b++) {
            order[n++] = b;
        }
        for (int b = localFrom; b < numPast; b++) {
            order[n++] = b;
        }
        for (long key : keys) {
            order[n++] = (int) key;
        }
    }

    /** An integer that is smaller for a larger score; both zeros are one. */
    private static int descending(float score) {
        int bits = Float.floatToIntBits(score + 0.0f);
        return ~(bits ^ ((bits >> 31) & Integer.MAX_VALUE));
    }

    /** Writes the kept blocks, ascending. */
    void write(int budget, int[] ids, int at) {
        int past = numPastKept(budget);
        System.arraycopy(order, 0, ids, at, past);
        Arrays.sort(ids, at, at + past);
        for (int b = numPast; b < numCausal; b++) {
            ids[at + past + b - numPast] = b;
        }
    }

    /** Share of the softmax over causal blocks of score / sqrt(D) that each budget keeps. */
    double[] coverage(float[] scores, int[] budgets) {
        double[] coverage = new double[budgets.length];
        if (budgets.length == 0) {
            return coverage;
        }
        float max = scores[0];
        for (float score : scores) {
            max = Math.max(max, score);
        }
        double[] taken = new double[numPast + 1];
        for (int b = numPast; b < numCausal; b++) {
            taken[0] += Math.exp((scores[b] - max) * scale);
        }
        for (int i = 0; i < numPast; i++) {
            taken[i + 1] = taken[i] + Math.exp((scores[order[i]] - max) * scale);
        }
        for (int i = 0; i < budgets.length; i++) {
            coverage[i] = taken[numPastKept(budgets[i])] / taken[numPast];
        }
        return coverage;
    }
}
