package io.sparsebalance.policies.sparsity;

/**
 * Limits of the attention budget and the aim of the tuning.
 *
 * @param baseBudget k-base, blocks
 * @param minBudget k-min, blocks, at least 1
 * @param maxBudget k-max, blocks
 * @param guard p: coverage may fall to (1 - p) times the coverage at the base budget, 0 to 1
 */
public record SparsitySettings(int baseBudget, int minBudget, int maxBudget, Anchor anchor, double guard) {
    /** Checks the ranges. */
    public SparsitySettings {
        if (minBudget < 1 || baseBudget < minBudget || maxBudget < baseBudget) {
            throw new IllegalArgumentException(
                    "budgets must hold 1 <= k-min <= k-base <= k-max, but are " + minBudget + ", "
                            + baseBudget + ", " + maxBudget);
        }
        if (!(guard >= 0 && guard <= 1)) {
            throw new IllegalArgumentException("guard " + guard + " must be 0 to 1");
        }
    }
}
