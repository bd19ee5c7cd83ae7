package io.sparsebalance.policies.sparsity;

/**
 * Spends a rank's time on attention where it is worth most: bisects the price of a second to the last one at which the rank's
 * micro-batches fit, then takes single steps towards the next price while they fit.
 */
final class RankFilling {
    private final Workload work;
    private final short[] low;
    private final short[] high;
    private final short[] orderLevels;
    private final int[] kindOfLayer;
    private final int numLayers;

    /** @param low and high limits of each layer of each micro-batch, shared with the caller */
    RankFilling(Workload work, short[] low, short[] high) {
        this.work = work;
        this.low = low;
        this.high = high;
        this.orderLevels = work.order().levels();
        this.kindOfLayer = work.kindOfLayer();
        this.numLayers = work.numLayers();
    }

    /**
     * Writes the levels of a rank's micro-batches.
     *
     * @param microBatches of the rank
     * @param seconds limit at speed 1; where even the lowest levels take longer, they are written
     * @param chosen of every micro-batch of the step
     */
    void fill(int[] microBatches, double seconds, short[] chosen) {
        int fits = 0;
        int tooMuch = work.order().numPrices();
        while (tooMuch - fits > 1) {
            int middle = (fits + tooMuch) >>> 1;
            if (seconds(microBatches, middle) <= seconds) {
                fits = middle;
            } else {
                tooMuch = middle;
            }
        }
        double left = seconds;
        for (int i : microBatches) {
            left -= seconds(i, fits);
            int at = work.orderOffset(i, fits);
            for (int layer = 0; layer < numLayers; layer++) {
                chosen[i * numLayers + layer] = level(i, layer, at);
            }
        }
        if (tooMuch < work.order().numPrices() && left > 0) {
            spend(microBatches, tooMuch, left, chosen);
        }
    }

    /** Single steps towards the levels of a price that does not fit as a whole. */
    private void spend(int[] microBatches, int price, double seconds, short[] chosen) {
        double left = seconds;
        for (int layer = 0; layer < numLayers; layer++) {
            for (int i : microBatches) {
                int place = i * numLayers + layer;
                int wanted = level(i, layer, work.orderOffset(i, price));
                while (chosen[place] < wanted) {
                    double cost = work.layerSeconds(i, chosen[place] + 1) - work.layerSeconds(i, chosen[place]);
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
            sum += seconds(i, price);
        }
        return sum;
    }

    private double seconds(int microBatch, int price) {
        double sum = work.constantSeconds(microBatch);
        int at = work.orderOffset(microBatch, price);
        for (int layer = 0; layer < numLayers; layer++) {
            sum += work.layerSeconds(microBatch, level(microBatch, layer, at));
        }
        return sum;
    }

    private short level(int microBatch, int layer, int orderAt) {
        int place = microBatch * numLayers + layer;
        short wanted = orderLevels[orderAt + kindOfLayer[layer]];
        short atMost = wanted < high[place] ? wanted : high[place];
        return atMost > low[place] ? atMost : low[place];
    }
}
