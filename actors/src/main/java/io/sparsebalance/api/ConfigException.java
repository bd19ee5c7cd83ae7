package io.sparsebalance.api;

/** A configuration cannot be used. The message names the key, its value, where it was written, and what is allowed. */
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Names key, value, place and remedy. */
    public ConfigException(String message) {
        super(message);
    }

    /** The same, with what went wrong below. */
    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
