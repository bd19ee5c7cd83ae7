package io.sparsebalance.policies.sparsity;

/** Sets the attention budgets of a step's micro-batches. Pure and deterministic. */
public interface SparsityPolicy {
    /** Name as written in the configuration: {@code fixed}, {@code dst}. */
    String name();

    /** Budgets for every micro-batch of the request. */
    BudgetPlan plan(BudgetRequest request);

    /** Whether budgets depend on what earlier steps showed: whoever goes on with a run must then know that too. */
    default boolean learns() {
        return false;
    }
}
