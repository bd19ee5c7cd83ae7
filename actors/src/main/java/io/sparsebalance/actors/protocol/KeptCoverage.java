package io.sparsebalance.actors.protocol;

import java.util.List;

/** Coverage that a micro-batch kept, read from the samples that came with it. */
public final class KeptCoverage {
    private KeptCoverage() {
    }

    /**
     * Mean over layers of the sampled coverage, read between the samples at the budget used; 1 if nothing was sampled.
     *
     * @param sampled budgets of the samples, ascending
     * @param outcome with a sample at each of them in each layer
     */
    public static double of(List<Integer> sampled, MicroBatchOutcome outcome) {
        List<List<Double>> byLayer = outcome.result().coverage();
        double sum = 0;
        int layers = 0;
        for (int layer = 0; layer < byLayer.size(); layer++) {
            if (byLayer.get(layer).size() == sampled.size() && !byLayer.get(layer).isEmpty()) {
                sum += read(sampled, byLayer.get(layer), outcome.budgets().byLayer().get(layer));
                layers++;
            }
        }
        return layers == 0 ? 1 : sum / layers;
    }

    private static double read(List<Integer> budgets, List<Double> values, int budget) {
        for (int i = 0; i < budgets.size(); i++) {
            if (budget <= budgets.get(i)) {
                if (i == 0 || budget == budgets.get(i)) {
                    return values.get(i);
                }
                double share = (double) (budget - budgets.get(i - 1)) / (budgets.get(i) - budgets.get(i - 1));
                return values.get(i - 1) + share * (values.get(i) - values.get(i - 1));
            }
        }
        return values.getLast();
    }
}
