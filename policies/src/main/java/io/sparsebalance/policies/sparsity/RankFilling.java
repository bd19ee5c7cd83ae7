package io.sparsebalance.policies.sparsity;

import java.util.Arrays;

/**
 * Spends a rank's time on attention where it is worth most: searches for the last price of a second at which the rank's
 * micro-batches fit, then takes single steps towards the next price while they fit.
 */
final class RankFilling {
    private static final int UNKNOWN = -1;
    /** The next guess should lie on the other side of the limit. */
    private static final double OVERSHOOT = 1.25;

    private final Workload work;
    private final short[] low;
    private final short[] high;
    private final int[] kindOfLayer;
    private final int numLayers;
    private final int numLevels;
    private final double[] layerSeconds;
    /** Price that each rank was filled to last: the next limit is usually near the one before. */
    private final int[] lastPrice;
    /** Price that a rank was filled to last: the next rank's is usually near. */
    private int latestPrice;
    /** Seconds from one price to the next, about. */
    private double slope;
    private double foundSeconds;

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
        this.latestPrice = work.numPrices() / 2;
        this.slope = Double.POSITIVE_INFINITY;
    }

    /**
     * Writes the levels of a rank's micro-batches.
     *
     * @param microBatches of the rank
     * @param seconds limit at speed 1; where even the lowest levels take longer, they are written
     * @param chosen of every micro-batch of the step
     */
    void fill(int rank, int[] microBatches, double seconds, short[] chosen) {
        int fits = search(microBatches, seconds, lastPrice[rank] == UNKNOWN ? latestPrice : lastPrice[rank]);
        lastPrice[rank] = fits;
        latestPrice = fits;
        double left = seconds - foundSeconds;
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
     * The last price at which micro-batches fit, or the first: from a price that may be near by about the slope of the last search, then
     * by false position, with a bisection now and then. Leaves their seconds there in {@link #foundSeconds}.
     */
    private int search(int[] microBatches, double limit, int start) {
        int fits = 0;
        int tooMuch = work.numPrices();
        double fitsSeconds = Double.NaN;
        double tooMuchSeconds = Double.NaN;
        int next = Math.min(start, tooMuch - 1);
        double before = Double.NaN;
        int from = next;
        for (int turn = 1; tooMuch - fits > 1; turn++) {
            double now = seconds(microBatches, next);
            if (turn == 2 && next != from && now != before) {
                slope = (now - before) / (next - from);
            }
            before = now;
            from = next;
            if (now <= limit) {
                fits = next;
                fitsSeconds = now;
            } else {
                tooMuch = next;
                tooMuchSeconds = now;
            }
            double guess = guess(fits, fitsSeconds, tooMuch, tooMuchSeconds, limit);
            next = Math.clamp((int) (turn % 3 == 0 ? (fits + tooMuch) / 2.0 : guess), fits + 1,
                    Math.max(fits + 1, tooMuch - 1));
        }
        foundSeconds = Double.isNaN(fitsSeconds) ? seconds(microBatches, fits) : fitsSeconds;
        return fits;
    }

    private double guess(int fits, double fitsSeconds, int tooMuch, double tooMuchSeconds, double limit) {
        if (Double.isNaN(tooMuchSeconds)) {
            return fits + 1 + OVERSHOOT * (limit - fitsSeconds) / slope;
        }
        return Double.isNaN(fitsSeconds)
                ? tooMuch - 1 - OVERSHOOT * (tooMuchSeconds - limit) / slope
                : fits + (tooMuch - fits) * (limit - fitsSeconds) / (tooMuchSeconds - fitsSeconds);
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
