package io.sparsebalance.actors.collective;

/** A collective did not complete. The message names the ranks that were missing, or the cause of the abort. */
public final class CollectiveException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names ranks, step and cause. */
    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
    }
}
