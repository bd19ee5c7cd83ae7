package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.FlatState;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.JCudaDriver;

/**
 * The end of a step on one replica's state without a word from the host between its parts: norm, clipping and AdamW on matrices
 * and the rest, recorded as a graph at the second update. Coefficients pass through page-locked memory. Device thread only.
 */
final class CudaUpdate implements AutoCloseable {
    /** Floats of the kernels' {@code AdamWStep}, padded. */
    private static final int STEP_FLOATS = 8;
    private static final int REST = STEP_FLOATS;
    /** Place of {@code clipNorm}, F64. */
    private static final int CLIP = 2 * STEP_FLOATS;
    private static final int INPUT_FLOATS = CLIP + 2;
    /** Behind the input: the norm (F64), which comes back, and the scale. */
    private static final int NORM = INPUT_FLOATS;
    private static final int SCALE = NORM + 2;
    private static final int FLOATS = SCALE + 2;

    private final CudaDevice device;
    private final CudaElements elements;
    private final FlatState state;
    private final PinnedTensor host;
    private final CudaTensor memory;
    private final CudaTensor partial;
    private boolean ran;
    private CudaGraph graph;

    /** @param state of CUDA tensors, checked */
    CudaUpdate(CudaDevice device, CudaElements elements, FlatState state) {
        this.device = device;
        this.elements = elements;
        this.state = state;
        int numPartials = elements.numPartials(state.gradients().size());
        host = PinnedTensor.allocate(device.context(), DType.F32, new long[]{FLOATS});
        try {
            memory = device.allocateInternal(DType.F64, FLOATS / 2 + numPartials + 1L);
        } catch (RuntimeException e) {
            host.close();
            throw e;
        }
        partial = tensor(memory.view(FLOATS / 2, numPartials + 1L));
    }

    /** Whether it was made for these tensors. */
    boolean isFor(FlatState other) {
        return state.equals(other);
    }

    /** As {@code Ops.clippedAdamW}. */
    double apply(CudaStream stream, AdamWStep settings, long step, double clipNorm) {
        MemorySegment input = host.segment();
        write(input, 0, settings, step);
        write(input, REST, settings.withoutDecay(), step);
        input.set(ValueLayout.JAVA_DOUBLE, (long) CLIP * Float.BYTES, clipNorm);
        if (CudaKernel.SYNCHRONOUS || !ran) {
            // The first time loads code, which cannot be recorded.
            enqueue(stream);
            ran = true;
        } else {
            if (graph == null) {
                graph = CudaGraph.capture(device.context(), stream, () -> enqueue(stream));
            }
            graph.launch(stream);
        }
        stream.synchronize();
        return input.get(ValueLayout.JAVA_DOUBLE, (long) NORM * Float.BYTES);
    }

    private static void write(MemorySegment input, int at, AdamWStep s, long step) {
        float[] values = {s.beta1(), s.beta2(), CudaElements.correction(s.beta1(), step),
            CudaElements.correction(s.beta2(), step), s.epsilon(), s.learningRate(), CudaElements.decay(s)};
        MemorySegment.copy(values, 0, input, ValueLayout.JAVA_FLOAT, (long) at * Float.BYTES, values.length);
    }

    private void enqueue(CudaStream stream) {
        CudaErrors.check(JCudaDriver.cuMemcpyHtoDAsync(new Handles.DeviceAddress(memory.address()),
                new Handles.HostAddress(host.segment()), (long) INPUT_FLOATS * Float.BYTES, stream.handle()),
                "coefficients of an update");
        long sum = elements.sumOfSquares(stream, tensor(state.gradients()), partial);
        device.modules().kernel("adamw", "clip_scale").launch(stream, 1, 1, 1, 1, 0, sum, address(CLIP),
                address(NORM), address(SCALE));
        long size = state.parameters().size();
        launch(stream, state.range(0, state.numDecayed()), 0);
        launch(stream, state.range(state.numDecayed(), size), REST);
        CudaErrors.check(JCudaDriver.cuMemcpyDtoHAsync(
                new Handles.HostAddress(host.segment().asSlice((long) NORM * Float.BYTES)),
                new Handles.DeviceAddress(address(NORM)), Double.BYTES, stream.handle()), "norm of a gradient");
    }

    private void launch(CudaStream stream, FlatState range, int step) {
        CudaTensor parameters = tensor(range.parameters());
        if (parameters.size() > 0) {
            CudaTensor gradients = tensor(range.gradients());
            String function = "adamw_clipped_" + CudaElements.suffix(gradients);
            device.modules().kernel("adamw", function).launch(stream, elements.grid(parameters.size()), 1, 1,
                    CudaElements.THREADS, 0, parameters, gradients, tensor(range.firstMoment()),
                    tensor(range.secondMoment()),
                    range.computeCopy() == null ? 0L : tensor(range.computeCopy()).address(), parameters.size(),
                    address(SCALE), address(step));
        }
    }

    private long address(int floats) {
        return memory.address() + (long) floats * Float.BYTES;
    }

    private static CudaTensor tensor(Tensor tensor) {
        return (CudaTensor) tensor;
    }

    @Override
    public void close() {
        try (memory; host) {
            if (graph != null) {
                graph.close();
            }
        }
    }
}
