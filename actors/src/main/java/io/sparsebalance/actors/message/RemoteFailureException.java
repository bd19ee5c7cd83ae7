package io.sparsebalance.actors.message;

/** A failure that another thread or JVM told of. Its cause prints the stack trace of the place where it happened. */
public final class RemoteFailureException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final FailureKind kind;

    RemoteFailureException(FailureInfo failure) {
        super(failure.message(), new Origin(failure.stack()), false, false);
        this.kind = failure.kind();
    }

    /** What the failure means. */
    public FailureKind kind() {
        return kind;
    }

    /** Carries the stack trace as text. */
    private static final class Origin extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Origin(String stack) {
            super("as it was printed where it happened:\n" + stack.stripTrailing(), null, false, false);
        }
    }
}
