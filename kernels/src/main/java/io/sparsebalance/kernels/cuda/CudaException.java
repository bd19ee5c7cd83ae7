package io.sparsebalance.kernels.cuda;

/** CUDA refused an operation; the context is still good. Memory and lost devices have their own exceptions. */
public final class CudaException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Number of the CUDA result, 0 if a library other than the driver refused. */
    private final int code;

    CudaException(int code, String message) {
        super(message);
        this.code = code;
    }

    /** Number of the driver's result ({@code CUresult}); 0 if a library other than the driver refused. */
    public int code() {
        return code;
    }
}
