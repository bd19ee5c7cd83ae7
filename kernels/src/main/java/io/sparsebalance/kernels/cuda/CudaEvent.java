package io.sparsebalance.kernels.cuda;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A mark in a stream that can be timed and waited for. */
final class CudaEvent implements AutoCloseable {
    private static final double MILLIS_PER_SECOND = 1e3;

    private final CudaContext context;
    private final CUevent event = new CUevent();

    CudaEvent(CudaContext context) {
        this.context = context;
        context.enter();
        CudaErrors.check(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT), "cuEventCreate");
    }

    /** Marks the end of the work given to a stream so far. */
    void record(CudaStream stream) {
        context.enter();
        CudaErrors.check(JCudaDriver.cuEventRecord(event, stream.handle()), "cuEventRecord");
    }

    /** Waits until the mark is reached. */
    void synchronize() {
        context.enter();
        CudaErrors.check(JCudaDriver.cuEventSynchronize(event), "cuEventSynchronize");
    }

    /** Seconds of the device between an earlier mark and this one, both reached. */
    double secondsSince(CudaEvent earlier) {
        float[] millis = new float[1];
        CudaErrors.check(JCudaDriver.cuEventElapsedTime(millis, earlier.event, event), "cuEventElapsedTime");
        return millis[0] / MILLIS_PER_SECOND;
    }

    @Override
    public void close() {
        context.enter();
        CudaErrors.check(JCudaDriver.cuEventDestroy(event), "cuEventDestroy");
    }
}
