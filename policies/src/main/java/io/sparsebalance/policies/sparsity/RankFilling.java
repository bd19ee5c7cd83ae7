package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * Spends a rank's time on attention where it is worth most: bisects the price of a second to the last one at which the rank's
 * micro-batches fit, then takes single steps towards the next price while they fit.
 */
final class RankFilling {
    private static final int UNKNOWN = -1;

    private final Workload work;
    private final short[] low;
    private final short[] high;
    private final int[] kindOfLayer;
    private final int numLayers;
    private final int numLevels;
    private final double[] layerSeconds;
    /** Price that each rank was filled to last: the next limit is usually near the one before. */
    private final int[] lastPrice;

    /** @param low and high limits of each layer of each micro-batch, shared with the caller */
    RankFilling(Workload work, short[] low, short[] high, int numRanks) {
        this.work = work;
        this.low = low;
        this.high = high;
        this.kindOfLayer = work.kindOfLayer();
        this.numLayers = work.numLayers();
        this.numLevels = work.levels().size();
        this.layerSeconds = work.layerSeconds();
        this.lastPrice = new int[numRanks];
        Arrays.fill(lastPrice, UNKNOWN);
    }

    /**
     * Writes the levels of a rank's micro-batches.
     *
     * @param microBatches of the rank
     * @param seconds limit at speed 1; where even the lowest levels take longer, they are written
     * @param chosen of every micro-batch of the step
     */
    void fill(int rank, int[] microBatches, double seconds, short[] chosen) {
        int fits = lastPrice[rank] == UNKNOWN
                ? bisect(microBatches, seconds, 0, work.numPrices())
                : near(microBatches, seconds, lastPrice[rank]);
        lastPrice[rank] = fits;
        double left = seconds - seconds(microBatches, fits);
        for (int i : microBatches) {
            short[] wanted = work.levelsAt(i, fits);
            for (int layer = 0; layer < numLayers; layer++) {
                chosen[i * numLayers + layer] = level(i * numLayers + layer, wanted[kindOfLayer[layer]]);
            }
        }
        if (fits + 1 < work.numPrices() && left > 0) {
            spend(microBatches, fits + 1, left, chosen);
        }
    }

    /**
     * The last price at which micro-batches fit.
     *
     * @param from at which they fit, or the first
     * @param to at which they do not, or the number of prices
     */
    private int bisect(int[] microBatches, double seconds, int from, int to) {
        int fits = from;
        int tooMuch = to;
        while (tooMuch - fits > 1) {
            int middle = (fits + tooMuch) >>> 1;
            if (seconds(microBatches, middle) <= seconds) {
                fits = middle;
            } else {
                tooMuch = middle;
            }
        }
        return fits;
    }

    /** The same from a price that may be near: strides that double, then bisection. */
    private int near(int[] microBatches, double seconds, int start) {
        boolean up = seconds(microBatches, start) <= seconds;
        int stride = 1;
        int last = start;
        while (true) {
            int next = up ? Math.min(last + stride, work.numPrices()) : Math.max(last - stride, 0);
            if (up && (next == work.numPrices() || seconds(microBatches, next) > seconds)) {
                return bisect(microBatches, seconds, last, next);
            }
            if (!up && (next == 0 || seconds(microBatches, next) <= seconds)) {
                return bisect(microBatches, seconds, next, last);
            }
            last = next;
            stride *= 2;
        }
    }

    /** Single steps towards the levels of a price that does not fit as a whole. */
    private void spend(int[] microBatches, int price, double seconds, short[] chosen) {
        double left = seconds;
        for (int layer = 0; layer < numLayers; layer++) {
            for (int i : microBatches) {
                int place = i * numLayers + layer;
                int wanted = level(place, work.levelsAt(i, price)[kindOfLayer[layer]]);
                while (chosen[place] < wanted) {
                    int at = i * numLevels + chosen[place];
                    double cost = layerSeconds[at + 1] - layerSeconds[at];
                    if (cost > left) {
                        break;
                    }
                    left -= cost;
                    chosen[place]++;
                }
            }
        }
    }

    private double seconds(int[] microBatches, int price) {
        double sum = 0;
        for (int i : microBatches) {
            sum += seconds(i, work.levelsAt(i, price));
        }
        return sum;
    }

    private double seconds(int microBatch, short[] wanted) {
        double sum = work.constantSeconds(microBatch);
        int from = microBatch * numLayers;
        int at = microBatch * numLevels;
        for (int layer = 0; layer < numLayers; layer++) {
            sum += layerSeconds[at + level(from + layer, wanted[kindOfLayer[layer]])];
        }
        return sum;
    }

    private short level(int place, short wanted) {
        short atMost = wanted < high[place] ? wanted : high[place];
        return atMost > low[place] ? atMost : low[place];
    }
}
