package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Spends a rank's time on attention where it buys most: one more block at a time goes to the (micro-batch, layer) with the
 * largest gain of coverage for its cost, as long as it fits. Coverage is concave in the budget, so the greedy order is the
 * best one up to the last block.
 */
final class WaterFilling {
    /** A time that is exactly reached must not be missed by the order of a sum. */
    private static final double ROUNDING = 1e-10;

    private WaterFilling() {
    }

    /** One more block for one layer of one micro-batch. */
    private record Step(int microBatch, int layer, int budget, double cost, double value) {}

    /**
     * Largest budgets within a time.
     *
     * @param microBatches of one rank
     * @param from budgets to start with, of each micro-batch
     * @param seconds busy time of the rank that may not be exceeded, except by {@code from} itself
     */
    static List<Budgets> fill(List<MicroBatchCost> microBatches, List<Budgets> from, double seconds, int maxBudget) {
        int[][] budgets = new int[microBatches.size()][];
        double busy = 0;
        PriorityQueue<Step> steps = new PriorityQueue<>(Comparator.comparingDouble((Step s) -> -s.value())
                .thenComparingInt(Step::budget).thenComparingInt(Step::microBatch).thenComparingInt(Step::layer));
        for (int i = 0; i < budgets.length; i++) {
            budgets[i] = from.get(i).byLayer().stream().mapToInt(Integer::intValue).toArray();
            busy += microBatches.get(i).seconds(from.get(i));
            for (int layer = 0; layer < budgets[i].length; layer++) {
                offer(steps, microBatches.get(i), i, layer, budgets[i][layer] + 1, maxBudget);
            }
        }
        while (!steps.isEmpty()) {
            Step step = steps.remove();
            if (busy + step.cost() <= seconds * (1 + ROUNDING)) {
                busy += step.cost();
                budgets[step.microBatch()][step.layer()] = step.budget();
                offer(steps, microBatches.get(step.microBatch()), step.microBatch(), step.layer(), step.budget() + 1,
                        maxBudget);
            }
        }
        List<Budgets> filled = new ArrayList<>();
        for (int[] byLayer : budgets) {
            filled.add(new Budgets(Arrays.stream(byLayer).boxed().toList()));
        }
        return filled;
    }

    private static void offer(PriorityQueue<Step> steps, MicroBatchCost cost, int microBatch, int layer, int budget,
            int maxBudget) {
        // Beyond the budget that covers every document a block costs nothing and gives nothing.
        if (budget > Math.min(maxBudget, cost.coveringBudget())) {
            return;
        }
        double seconds = cost.layerSeconds(budget) - cost.layerSeconds(budget - 1);
        double gain = (cost.coverage(layer, budget) - cost.coverage(layer, budget - 1)) * cost.tokens();
        steps.add(
                new Step(microBatch, layer, budget, seconds, seconds > 0 ? gain / seconds : Double.POSITIVE_INFINITY));
    }
}
