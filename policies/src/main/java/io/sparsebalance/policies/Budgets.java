package io.sparsebalance.policies;

import java.util.Collections;
import java.util.List;

/**
 * Attention budgets of one micro-batch, one per layer: key blocks that a query tile may attend to.
 *
 * @param byLayer budget of each layer, each at least 1; immutable
 */
public record Budgets(List<Integer> byLayer) {
    /** Checks and copies. */
    public Budgets {
        byLayer = List.copyOf(byLayer);
        for (int budget : byLayer) {
            if (budget < 1) {
                throw new IllegalArgumentException("attention budget " + budget + " must be at least 1");
            }
        }
    }

    /** The same budget in every layer. */
    public static Budgets uniform(int budget, int numLayers) {
        return new Budgets(Collections.nCopies(numLayers, budget));
    }

    /** Mean over the layers. */
    public double mean() {
        return byLayer.stream().mapToInt(Integer::intValue).average().orElseThrow();
    }
}
