package io.sparsebalance.policies.sparsity;

/**
 * Limits of the attention budget and the aim of the tuning.
 *
 * @param baseBudget k-base, blocks
 * @param minBudget k-min, blocks, at least 1
 * @param maxBudget k-max, blocks
 * @param guard p: coverage may fall to (1 - p) times the coverage at the base budget, 0 to 1
 * @param maxChange factor by which a budget may differ from the running budget of its layer and length band, and by which a
 *                  revision inside a step may change it; above 1
 * @param hysteresis relative change of a measured speed that is taken for noise, 0 to below 1
 */
public record SparsitySettings(int baseBudget, int minBudget, int maxBudget, Anchor anchor, double guard,
        double maxChange, double hysteresis) {
    /** Factor of change unless told otherwise. */
    public static final double DEFAULT_MAX_CHANGE = 2;
    /** Change taken for noise unless told otherwise. */
    public static final double DEFAULT_HYSTERESIS = 0.05;

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
        if (!(maxChange > 1)) {
            throw new IllegalArgumentException("max-change " + maxChange + " must be above 1");
        }
        if (!(hysteresis >= 0 && hysteresis < 1)) {
            throw new IllegalArgumentException("hysteresis " + hysteresis + " must be at least 0 and below 1");
        }
    }

    /** With the default bound of change and hysteresis. */
    public SparsitySettings(int baseBudget, int minBudget, int maxBudget, Anchor anchor, double guard) {
        this(baseBudget, minBudget, maxBudget, anchor, guard, DEFAULT_MAX_CHANGE, DEFAULT_HYSTERESIS);
    }
}
