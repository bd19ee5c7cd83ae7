package io.sparsebalance.policies.cost;

import io.sparsebalance.policies.Budgets;
import java.util.List;

/**
 * Predicts how long a micro-batch keeps a device busy, forward and backward. Pure: equal arguments, equal answers.
 * Monotone: more tokens or a larger budget never take less time.
 */
public interface LatencyModel {
    /** Layers that the model was measured for; budgets have this many entries. */
    int numLayers();

    /**
     * Seconds of attention, router included, of one document in one layer.
     *
     * @param length tokens of the document
     * @param budget key blocks a query tile may keep
     */
    double attentionSeconds(int length, int budget);

    /**
     * The same at many budgets: whole tables are read this way.
     *
     * @param budgets ascending
     * @param into written from {@code at} on
     */
    default void attentionSeconds(int length, int[] budgets, double[] into, int at) {
        for (int i = 0; i < budgets.length; i++) {
            into[at + i] = attentionSeconds(length, budgets[i]);
        }
    }

    /** Seconds of everything that depends on the number of tokens alone, all layers and the loss. */
    double linearSeconds(long tokens);

    /** Seconds that a micro-batch costs whatever it holds. */
    double fixedSeconds();

    /** Fraction of causal (query, key) pairs that a document's tiles compute at this budget, 0 to 1. */
    double density(int length, int budget);

    /** Key blocks of a document: a budget of this many is dense. */
    int numBlocks(int length);

    /** Seconds of one micro-batch: fixed part, linear part, and attention of each document in each layer. */
    default double microBatchSeconds(List<Integer> lengths, Budgets budgets) {
        if (budgets.numLayers() != numLayers()) {
            throw new IllegalArgumentException(
                    "budgets for " + budgets.numLayers() + " layers, latency model has " + numLayers());
        }
        long tokens = 0;
        double seconds = fixedSeconds();
        for (int length : lengths) {
            tokens += length;
            double ofLayer = 0;
            for (int layer = 0; layer < budgets.numLayers(); layer++) {
                // Often layers have the budget of the one before.
                if (layer == 0 || budgets.at(layer) != budgets.at(layer - 1)) {
                    ofLayer = attentionSeconds(length, budgets.at(layer));
                }
                seconds += ofLayer;
            }
        }
        return seconds + linearSeconds(tokens);
    }
}
