package io.sparsebalance.policies;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.List;
import java.util.RandomAccess;

/**
 * Attention budgets of one micro-batch, one per layer: key blocks that a query tile may attend to. Immutable; held as plain
 * numbers, since a step of thousands of ranks has a million of them.
 */
public final class Budgets {
    private final int[] byLayer;

    /** Checks and copies; each budget is at least 1. */
    public Budgets(List<Integer> byLayer) {
        this(byLayer.stream().mapToInt(Integer::intValue).toArray(), byLayer.size());
    }

    /** Takes the array over. */
    private Budgets(int[] byLayer, int numLayers) {
        for (int layer = 0; layer < numLayers; layer++) {
            if (byLayer[layer] < 1) {
                throw new IllegalArgumentException(
                        "attention budget " + byLayer[layer] + " of layer " + layer + " must be at least 1");
            }
        }
        this.byLayer = byLayer;
    }

    /** Copies; one budget for each layer, each at least 1. */
    public static Budgets of(int... byLayer) {
        return new Budgets(byLayer.clone(), byLayer.length);
    }

    /** The same budget in every layer. */
    public static Budgets uniform(int budget, int numLayers) {
        int[] byLayer = new int[numLayers];
        Arrays.fill(byLayer, budget);
        return new Budgets(byLayer, numLayers);
    }

    /** Budget of each layer, each at least 1; a view that cannot be changed. */
    public List<Integer> byLayer() {
        return new View(byLayer);
    }

    /** Budget of one layer. */
    public int at(int layer) {
        return byLayer[layer];
    }

    /** Number of layers. */
    public int numLayers() {
        return byLayer.length;
    }

    /** Mean over the layers. */
    public double mean() {
        return Arrays.stream(byLayer).average().orElseThrow();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Budgets budgets && Arrays.equals(byLayer, budgets.byLayer);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(byLayer);
    }

    @Override
    public String toString() {
        return "Budgets" + Arrays.toString(byLayer);
    }

    /** The array as a list. */
    private static final class View extends AbstractList<Integer> implements RandomAccess {
        private final int[] values;

        View(int[] values) {
            this.values = values;
        }

        @Override
        public Integer get(int index) {
            return values[index];
        }

        @Override
        public int size() {
            return values.length;
        }
    }
}
