package io.sparsebalance.data;

/** Text or a token store cannot be used. The message says what, where, why, and what to do. */
public final class DataException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Without an underlying error. */
    public DataException(String message) {
        super(message);
    }

    /** With the underlying error. */
    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
