package io.sparsebalance.api;

/** A run failed. The message says what failed, on which rank, why, and what to do. */
public final class TrainingFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** With the underlying error. */
    public TrainingFailedException(String message, Throwable cause) {
        super(message, cause);
    }
}
