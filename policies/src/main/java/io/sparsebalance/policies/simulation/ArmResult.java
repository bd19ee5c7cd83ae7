package io.sparsebalance.policies.simulation;

/**
 * What one arm (batching policy / sparsity policy) came to, against an arm that saw the same samples in the same order.
 *
 * @param arm for example {@code sab/dst}
 * @param imbalance mean over steps of (largest / mean busy time of the ranks)
 * @param stepSeconds mean, or median where times are measured, of a step
 * @param speedup step seconds of {@code random/fixed} over those of this arm
 * @param idealSpeedup step seconds of {@code random/fixed} over this arm's mean busy time of a rank: what perfect balance of
 *                     this arm's work would give
 * @param density computed over causal (query, key) pairs
 * @param coverage share of the router's probability mass that was kept, mean weighted by tokens
 * @param planMillis decisions of a step, median
 */
public record ArmResult(String arm, double imbalance, double stepSeconds, double speedup, double idealSpeedup,
        double density, double coverage, double planMillis) {
    /** The arm that speed-ups are told against. */
    public static final String BASELINE = "random/fixed";

    /**
     * From an arm's own numbers.
     *
     * @param baselineStepSeconds step seconds of {@link #BASELINE}
     * @param meanBusySeconds mean over steps of the mean busy time of a rank
     */
    public static ArmResult of(String arm, double imbalance, double stepSeconds, double baselineStepSeconds,
            double meanBusySeconds, double density, double coverage, double planMillis) {
        return new ArmResult(arm, imbalance, stepSeconds, baselineStepSeconds / stepSeconds,
                baselineStepSeconds / meanBusySeconds, density, coverage, planMillis);
    }
}
