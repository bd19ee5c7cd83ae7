package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;

/**
 * Memory for intermediate results of one operation. Operations of a stream run in order, so each may use all of it; what an
 * operation leaves there is lost with the next.
 */
final class Scratch implements AutoCloseable {
    private final CudaDevice device;
    private CudaTensor memory;

    Scratch(CudaDevice device) {
        this.device = device;
    }

    /** At least this many bytes, valid for the launches of one operation. */
    CudaTensor bytes(long bytes) {
        if (memory == null || memory.bytes() < bytes) {
            close();
            memory = device.allocateInternal(DType.F64, Math.ceilDiv(bytes, (long) Double.BYTES));
        }
        return memory;
    }

    @Override
    public void close() {
        if (memory != null) {
            memory.close();
            memory = null;
        }
    }
}
