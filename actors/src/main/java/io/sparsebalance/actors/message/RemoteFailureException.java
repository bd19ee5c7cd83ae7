package io.sparsebalance.actors.message;

/** A failure that another thread or JVM told of. Prints with the stack trace of the place where it happened. */
public final class RemoteFailureException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final FailureKind kind;
    private final String stack;

    RemoteFailureException(FailureInfo failure) {
        super(failure.message(), null, false, false);
        this.kind = failure.kind();
        this.stack = failure.stack();
    }

    /** What the failure means. */
    public FailureKind kind() {
        return kind;
    }

    @Override
    public String toString() {
        return stack.strip();
    }
}
