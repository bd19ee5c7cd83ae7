package io.sparsebalance.kernels;

/** A device could not give the memory asked for. The device stays usable. */
public final class DeviceMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what was asked for, what is in use, and what to do. */
    public DeviceMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
