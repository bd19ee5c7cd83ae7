package io.sparsebalance.kernels.cuda;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/** Launches and copies that were recorded once and are given to the device by one call. Used on the device thread. */
final class CudaGraph implements AutoCloseable {
    private final CudaContext context;
    private final CUgraphExec executable = new CUgraphExec();

    private CudaGraph(CudaContext context) {
        this.context = context;
    }

    /**
     * Records what {@code work} gives to the stream; nothing of it runs. Everything it launches must have been launched before, so
     * that no code is loaded meanwhile.
     */
    static CudaGraph capture(CudaContext context, CudaStream stream, Runnable work) {
        context.enter();
        CUgraph graph = new CUgraph();
        // Other ranks' threads go on allocating meanwhile.
        CudaErrors.check(JCudaDriver.cuStreamBeginCapture(stream.handle(),
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
        int code;
        try {
            work.run();
        } finally {
            code = JCudaDriver.cuStreamEndCapture(stream.handle(), graph);
        }
        CudaErrors.check(code, "cuStreamEndCapture");
        CudaGraph captured = new CudaGraph(context);
        try {
            CudaErrors.check(JCudaDriver.cuGraphInstantiate(captured.executable, graph, 0), "cuGraphInstantiate");
        } finally {
            CudaErrors.check(JCudaDriver.cuGraphDestroy(graph), "cuGraphDestroy");
        }
        return captured;
    }

    /** Gives it to the stream; returns at once. */
    void launch(CudaStream stream) {
        context.enter();
        CudaErrors.check(JCudaDriver.cuGraphLaunch(executable, stream.handle()), "cuGraphLaunch");
    }

    @Override
    public void close() {
        context.enter();
        CudaErrors.check(JCudaDriver.cuGraphExecDestroy(executable), "cuGraphExecDestroy");
    }
}
