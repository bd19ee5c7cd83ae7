package io.sparsebalance.actors.wire;

import java.io.NotSerializableException;

/**
 * Bytes that are no message of this release. Of its type, because Artery then drops the message and keeps the association.
 * Without a stack trace, which would tell nothing of the sender and cost much under a flood.
 */
public final class MalformedMessageException extends NotSerializableException {
    private static final long serialVersionUID = 1L;

    private final Refusal refusal;

    MalformedMessageException(Refusal refusal, String message) {
        super(message);
        this.refusal = refusal;
    }

    MalformedMessageException(Refusal refusal, String message, Throwable cause) {
        this(refusal, message);
        initCause(cause);
    }

    /** Why it was refused. */
    public Refusal refusal() {
        return refusal;
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
