package io.sparsebalance.kernels;

/**
 * A device failed in a way that its process cannot undo: on a GPU every later call would fail alike. Results since the last
 * synchronisation are undefined. The process must end; a run embedded in another program must fail, and its device be given
 * up.
 */
public final class DeviceLostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Says which operation reported it, what the device said, and what to do. */
    public DeviceLostException(String message) {
        super(message);
    }
}
