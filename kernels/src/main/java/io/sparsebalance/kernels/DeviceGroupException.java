package io.sparsebalance.kernels;

/** Connected devices did not complete what they had to do together; each of them is as good as before. */
public final class DeviceGroupException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says what was done, for how long, and what the library said. */
    public DeviceGroupException(String message) {
        super(message);
    }
}
