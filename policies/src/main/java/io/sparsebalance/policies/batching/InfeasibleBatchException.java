package io.sparsebalance.policies.batching;

/** A global batch cannot be placed under the token cap. The message names the sample or the sums, and the remedy. */
public final class InfeasibleBatchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what does not fit, where, and what to change. */
    public InfeasibleBatchException(String message) {
        super(message);
    }
}
