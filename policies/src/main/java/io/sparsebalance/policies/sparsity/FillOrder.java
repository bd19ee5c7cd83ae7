package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * The order in which attention is worth its time. For each profile of micro-batches and kind of layer, the upper hull of worth
 * over seconds gives steps of falling worth per second; a price asked for a second then tells the budget of every layer: the
 * last step that is worth the price. Prices fall, so that a time limit is met by bisection over them instead of one block at a
 * time from a queue (a Lagrange multiplier, Everett 1963). Not shared between threads.
 */
final class FillOrder {
    /** Up to so many prices are worked out together. */
    private static final int WALKED = 256;

    private final int numKinds;
    /** Falling. */
    private final double[] prices;
    /** Vertices of all hulls, one after the other: level, and worth per second of the step to it. */
    private final int[] vertexLevel;
    private final double[] vertexWorth;
    /** First vertex of the hull of each profile and kind, and the end of the last. */
    private final int[] hullStart;
    /** Level of each kind at [profile, price]; null until it is asked for. */
    private final short[][] levels;

    private FillOrder(Builder hulls, double[] prices) {
        this.numKinds = hulls.numKinds;
        this.prices = prices;
        this.vertexLevel = hulls.vertexLevel;
        this.vertexWorth = hulls.vertexWorth;
        this.hullStart = hulls.hullStart;
        this.levels = new short[(hulls.hullStart.length - 1) / Math.max(1, numKinds) * prices.length][];
    }

    /** Number of prices; at the first only what is free is taken, at the last everything. */
    int numPrices() {
        return prices.length;
    }

    /** Level of each kind of layer of a profile at a price. Not to be changed. */
    short[] levels(int profile, int price) {
        short[] known = levels[profile * prices.length + price];
        return known == null ? found(profile, price) : known;
    }

    /** Few prices are asked of many times: all are worked out in one walk down each hull. Of many prices, bisections ask for few. */
    private short[] found(int profile, int price) {
        int at = profile * prices.length;
        if (prices.length > WALKED) {
            short[] single = new short[numKinds];
            for (int kind = 0; kind < numKinds; kind++) {
                single[kind] = (short) vertexLevel[lastWorth(profile * numKinds + kind, prices[price])];
            }
            levels[at + price] = single;
            return single;
        }
        for (int i = 0; i < prices.length; i++) {
            levels[at + i] = new short[numKinds];
        }
        for (int kind = 0; kind < numKinds; kind++) {
            int vertex = hullStart[profile * numKinds + kind];
            int end = hullStart[profile * numKinds + kind + 1];
            for (int i = 0; i < prices.length; i++) {
                while (vertex + 1 < end && vertexWorth[vertex + 1] >= prices[i]) {
                    vertex++;
                }
                levels[at + i][kind] = (short) vertexLevel[vertex];
            }
        }
        return levels[at + price];
    }

    /** The last vertex of a hull whose step is worth a price; the first costs nothing. */
    private int lastWorth(int hull, double price) {
        int low = hullStart[hull];
        int high = hullStart[hull + 1];
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (vertexWorth[middle] >= price) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Collects the hulls of profiles. */
    static final class Builder {
        /** Larger hulls are rare enough to make room as they come. */
        private static final int MAX_ROOM = 1 << 16;

        private final int numKinds;
        private final int numLevels;
        /** Vertices of all hulls, one after the other: level, and worth per second of the step to it. */
        private int[] vertexLevel;
        private double[] vertexWorth;
        private int numVertices;
        private final int[] hullStart;
        private int numHulls;

        Builder(int numProfiles, int numKinds, int numLevels) {
            this.numKinds = numKinds;
            this.numLevels = numLevels;
            this.hullStart = new int[numProfiles * numKinds + 1];
            int room = (int) Math.min(MAX_ROOM, (long) numProfiles * numKinds * numLevels);
            this.vertexLevel = new int[room];
            this.vertexWorth = new double[room];
        }

        /**
         * The next kind of layer of the next profile.
         *
         * @param seconds at each level from {@code secondsAt} on
         * @param worth at each level
         * @param usedLevels levels from here on change nothing
         */
        void add(double[] seconds, int secondsAt, double[] worth, int usedLevels) {
            if (numVertices + numLevels > vertexLevel.length) {
                vertexLevel = Arrays.copyOf(vertexLevel, 2 * (numVertices + numLevels));
                vertexWorth = Arrays.copyOf(vertexWorth, vertexLevel.length);
            }
            int first = numVertices;
            vertexLevel[first] = 0;
            vertexWorth[first] = Double.POSITIVE_INFINITY;
            int last = first;
            for (int level = 1; level < usedLevels; level++) {
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

        /** The finished order with at most this many prices; the builder is of no use any more. */
        FillOrder build(int maxPrices) {
            return new FillOrder(this, prices(maxPrices));
        }

        /** Falling: above all, steps' worth, evenly many of each hull, and nothing. To sort all would take longer than the budgets are worth. */
        private double[] prices(int maxPrices) {
            int stride = Math.max(1, Math.ceilDiv(numVertices, maxPrices - 2));
            double[] finite = new double[Math.ceilDiv(numVertices, stride)];
            int size = 0;
            for (int i = 0; i < numVertices; i += stride) {
                if (vertexWorth[i] > 0 && vertexWorth[i] < Double.POSITIVE_INFINITY) {
                    finite[size++] = vertexWorth[i];
                }
            }
            Arrays.sort(finite, 0, size);
            double[] prices = new double[size + 2];
            prices[0] = Double.POSITIVE_INFINITY;
            for (int i = 1; i <= size; i++) {
                prices[i] = finite[size - i];
            }
            return prices;
        }
    }
}
