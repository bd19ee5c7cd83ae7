package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.Stream;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A stream that does not wait for the default stream. */
final class CudaStream implements Stream, NcclGroup.Queue, AutoCloseable {
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
    public long address() {
        return handle.value();
    }

    @Override
    public boolean isDone() {
        context.enter();
        int code = JCudaDriver.cuStreamQuery(handle);
        if (code == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        CudaErrors.check(code, "waiting for the stream");
        return true;
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
