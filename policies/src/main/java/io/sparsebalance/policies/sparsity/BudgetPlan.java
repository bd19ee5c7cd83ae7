package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import java.util.List;

/**
 * Budgets of a step.
 *
 * @param budgets of each micro-batch
 * @param floors smallest budgets that the guard allows, of each micro-batch
 * @param predictedSeconds of each micro-batch on its rank at its budgets
 * @param baseSeconds of each micro-batch on its rank at the base budget
 * @param targetSeconds T*, the rank busy time steered to; reachable: no rank's predicted sum is above it
 * @param memory for the plan of the next step
 */
public record BudgetPlan(List<Budgets> budgets, List<Budgets> floors, List<Double> predictedSeconds,
        List<Double> baseSeconds, double targetSeconds, BudgetMemory memory) {
    /** Copies. */
    public BudgetPlan {
        budgets = List.copyOf(budgets);
        floors = List.copyOf(floors);
        predictedSeconds = List.copyOf(predictedSeconds);
        baseSeconds = List.copyOf(baseSeconds);
    }
}
