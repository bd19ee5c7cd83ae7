package io.sparsebalance.engine;

/** The gradient holds NaN or infinity. Parameters and moments are untouched. */
public final class NonFiniteGradientException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names the step and what to do. */
    public NonFiniteGradientException(String message) {
        super(message);
    }
}
