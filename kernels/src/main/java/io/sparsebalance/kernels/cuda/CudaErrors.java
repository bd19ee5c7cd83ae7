package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DeviceLostException;
import io.sparsebalance.kernels.DeviceMemoryException;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** Turns results of the driver into exceptions that say what was done, and what the error means for the context. */
final class CudaErrors {
    private CudaErrors() {
    }

    /** Throws unless {@code code} is success. */
    static void check(int code, String operation) {
        if (code != CUresult.CUDA_SUCCESS) {
            throw exception(code, operation);
        }
    }

    /** The exception for a result that is not success. */
    static RuntimeException exception(int code, String operation) {
        String text = operation + ": CUDA error " + code + " (" + describe(code) + ")";
        if (isSticky(code)) {
            return new DeviceLostException(text
                    + ". The fault lies in this or an earlier operation of the context, which"
                    + " cannot be used any more: end the process and resume from the last checkpoint. To find the"
                    + " operation, run with -Dsparsebalance.cuda.synchronous=true or under compute-sanitizer.");
        }
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            return new DeviceMemoryException(text, null);
        }
        return new CudaException(code, text);
    }

    /**
     * Whether an error breaks the context for good, as the driver's documentation of {@code CUresult} says: "the context
     * cannot be used", or "leaves the process in an inconsistent state".
     */
    static boolean isSticky(int code) {
        return switch (code) {
            case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE, CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
                    CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
                    CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, CUresult.CUDA_ERROR_ASSERT,
                    CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR, CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
                    CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
                    CUresult.CUDA_ERROR_INVALID_PC, CUresult.CUDA_ERROR_LAUNCH_FAILED,
                    CUresult.CUDA_ERROR_EXTERNAL_DEVICE, CUresult.CUDA_ERROR_UNKNOWN ->
                true;
            default -> false;
        };
    }

    private static String describe(int code) {
        String[] name = new String[1];
        String[] text = new String[1];
        JCudaDriver.cuGetErrorName(code, name);
        JCudaDriver.cuGetErrorString(code, text);
        return name[0] + (text[0] == null ? "" : ", " + text[0]);
    }
}
