package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.Stream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A stream that does not wait for the default stream. */
final class CudaStream implements Stream, AutoCloseable {
    private final CudaContext context;
    private final Handles.StreamHandle handle = new Handles.StreamHandle();

    CudaStream(CudaContext context) {
        this.context = context;
        context.enter();
        CudaErrors.check(JCudaDriver.cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    }

    /** As JCuda takes it. */
    Handles.StreamHandle handle() {
        return handle;
    }

    @Override
    public void synchronize() {
        context.enter();
        CudaErrors.check(JCudaDriver.cuStreamSynchronize(handle), "waiting for the stream");
    }

    @Override
    public void close() {
        context.enter();
        CudaErrors.check(JCudaDriver.cuStreamDestroy(handle), "cuStreamDestroy");
    }
}
