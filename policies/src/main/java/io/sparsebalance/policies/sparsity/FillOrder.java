package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * The order in which attention is worth its time. For each profile of micro-batches and kind of layer, the upper hull of worth
 * over seconds gives steps of falling worth per second; a price asked for a second then tells the budget of every layer: the
 * last step that is worth the price. Prices are tabulated, falling, so that a time limit is met by bisection over prices
 * instead of one block at a time from a queue (a Lagrange multiplier, Everett 1963).
 */
final class FillOrder {
    private final int numPrices;
    private final int numKinds;
    /** Level at [profile][price][kind]. */
    private final short[] levels;

    private FillOrder(int numPrices, int numKinds, short[] levels) {
        this.numPrices = numPrices;
        this.numKinds = numKinds;
        this.levels = levels;
    }

    /** Number of prices; at the first only what is free is taken, at the last everything. */
    int numPrices() {
        return numPrices;
    }

    /** Where the levels of a profile at a price begin, one for each kind of layer. */
    int offset(int profile, int price) {
        return (profile * numPrices + price) * numKinds;
    }

    /** Levels, at the places that {@link #offset} tells. Not to be changed. */
    short[] levels() {
        return levels;
    }

    /** Collects the hulls of profiles. */
    static final class Builder {
        private final int numKinds;
        private final int numLevels;
        /** Vertices of all hulls, one after the other: level, and worth per second of the step to it. */
        private int[] vertexLevel = new int[1024];
        private double[] vertexWorth = new double[1024];
        private int numVertices;
        private final int[] hullStart;
        private int numHulls;

        Builder(int numProfiles, int numKinds, int numLevels) {
            this.numKinds = numKinds;
            this.numLevels = numLevels;
            this.hullStart = new int[numProfiles * numKinds + 1];
        }

        /**
         * The next kind of layer of the next profile.
         *
         * @param seconds at each level from {@code secondsAt} on
         * @param worth at each level
         */
        void add(double[] seconds, int secondsAt, double[] worth) {
            if (numVertices + numLevels > vertexLevel.length) {
                vertexLevel = Arrays.copyOf(vertexLevel, 2 * (numVertices + numLevels));
                vertexWorth = Arrays.copyOf(vertexWorth, vertexLevel.length);
            }
            int first = numVertices;
            vertexLevel[first] = 0;
            vertexWorth[first] = Double.POSITIVE_INFINITY;
            int last = first;
            for (int level = 1; level < numLevels; level++) {
                double price = price(seconds, secondsAt, worth, vertexLevel[last], level);
                while (last > first && price >= vertexWorth[last]) {
                    last--;
                    price = price(seconds, secondsAt, worth, vertexLevel[last], level);
                }
                last++;
                vertexLevel[last] = level;
                vertexWorth[last] = price;
            }
            numVertices = last + 1;
            hullStart[++numHulls] = numVertices;
        }

        private static double price(double[] seconds, int at, double[] worth, int from, int to) {
            double cost = seconds[at + to] - seconds[at + from];
            return cost > 0 ? Math.max(0, worth[to] - worth[from]) / cost : Double.POSITIVE_INFINITY;
        }

        /** The finished order with at most this many prices. */
        FillOrder build(int maxPrices) {
            double[] prices = prices(maxPrices);
            short[] levels = new short[numHulls * prices.length];
            for (int hull = 0; hull < numHulls; hull++) {
                int profile = hull / numKinds;
                int kind = hull % numKinds;
                int vertex = hullStart[hull];
                int end = hullStart[hull + 1];
                for (int p = 0; p < prices.length; p++) {
                    while (vertex + 1 < end && vertexWorth[vertex + 1] >= prices[p]) {
                        vertex++;
                    }
                    levels[(profile * prices.length + p) * numKinds + kind] = (short) vertexLevel[vertex];
                }
            }
            return new FillOrder(prices.length, numKinds, levels);
        }

        /** Falling: above all, quantiles of the steps' worth so that steps spread evenly over them, and nothing. */
        private double[] prices(int maxPrices) {
            double[] finite = new double[numVertices];
            int size = 0;
            int stride = Math.max(1, numVertices / 16_384);
            for (int i = 0; i < numVertices; i += stride) {
                if (vertexWorth[i] > 0 && vertexWorth[i] < Double.POSITIVE_INFINITY) {
                    finite[size++] = vertexWorth[i];
                }
            }
            Arrays.sort(finite, 0, size);
            double[] prices = new double[Math.min(size, maxPrices - 2) + 2];
            prices[0] = Double.POSITIVE_INFINITY;
            int numInner = prices.length - 2;
            for (int i = 0; i < numInner; i++) {
                prices[i + 1] = finite[size - 1 - (int) ((long) i * size / numInner)];
            }
            return prices;
        }
    }
}
