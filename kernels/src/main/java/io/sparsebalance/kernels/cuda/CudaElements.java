package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.JCudaDriver;

/** Element-wise kernels and whole sums: {@code elements.cu}, {@code reduce.cu}, {@code adamw.cu}. */
final class CudaElements {
    /** Of a block of an element-wise kernel. */
    static final int THREADS = 256;
    private static final int REDUCE_THREADS = 512;
    private static final int BLOCKS_PER_MULTIPROCESSOR = 8;
    private static final int HALF = 32;

    private final CudaDevice device;
    private final Scratch scratch;

    CudaElements(CudaDevice device, Scratch scratch) {
        this.device = device;
        this.scratch = scratch;
    }

    void fill(CudaStream stream, CudaTensor x, float value) {
        if (x.size() == 0) {
            return;
        }
        if (Float.floatToRawIntBits(value) == 0) {
            CudaErrors.check(JCudaDriver.cuMemsetD8Async(new Handles.DeviceAddress(x.address()), (byte) 0, x.bytes(),
                    stream.handle()), "fill of " + x);
            return;
        }
        String function = switch (x.type()) {
            case F32 -> "fill_f32";
            case F64 -> "fill_f64";
            case BF16 -> "fill_bf16";
            case I32 -> throw new IllegalArgumentException("fill: x is " + x + ", but must be F32, F64 or BF16");
        };
        elements(function).launch(stream, grid(x.size()), 1, 1, THREADS, 0, x, value, x.size());
    }

    void copy(CudaStream stream, CudaTensor source, CudaTensor target) {
        if (source.size() == 0) {
            return;
        }
        if (source.type() == target.type()) {
            CudaErrors.check(
                    JCudaDriver.cuMemcpyDtoDAsync(new Handles.DeviceAddress(target.address()),
                            new Handles.DeviceAddress(source.address()), source.bytes(), stream.handle()),
                    "copy of " + source);
        } else if (source.type() == DType.F32 && target.type() == DType.BF16) {
            elements("f32_to_bf16").launch(stream, grid(source.size()), 1, 1, THREADS, 0, source, target,
                    source.size());
        } else if (source.type() == DType.BF16 && target.type() == DType.F32) {
            elements("bf16_to_f32").launch(stream, grid(source.size()), 1, 1, THREADS, 0, source, target,
                    source.size());
        } else {
            throw new IllegalArgumentException("copy: " + source + " cannot be converted to " + target);
        }
    }

    void add(CudaStream stream, CudaTensor source, CudaTensor targetSum) {
        if (source.size() > 0) {
            elements("add_" + suffix(source)).launch(stream, grid(source.size()), 1, 1,
                    THREADS, 0, source, targetSum, source.size());
        }
    }

    double sumOfSquares(CudaStream stream, CudaTensor x) {
        if (x.size() == 0) {
            return 0;
        }
        CudaTensor partial = scratch.bytes((numPartials(x.size()) + 1L) * Double.BYTES);
        return Double.longBitsToDouble(readLong(stream, sumOfSquares(stream, x, partial)));
    }

    /** Partial sums that a sum over so many elements takes. */
    int numPartials(long size) {
        return grid(size);
    }

    /** Two launches; {@code partial} has room for the partial sums and one more, at whose address the sum (F64) will be. */
    long sumOfSquares(CudaStream stream, CudaTensor x, CudaTensor partial) {
        int grid = numPartials(x.size());
        device.modules().kernel("reduce", "sum_of_squares_" + suffix(x)).launch(stream, grid, 1, 1, REDUCE_THREADS, 0,
                x, x.size(), partial);
        long sum = partial.address() + (long) grid * Double.BYTES;
        sumPartials(stream, partial, grid, sum, false);
        return sum;
    }

    /** One launch that adds up partial sums (F64) in their order, to an address. */
    void sumPartials(CudaStream stream, CudaTensor partial, long size, long sumAddress, boolean accumulate) {
        device.modules().kernel("reduce", "sum_partials").launch(stream, 1, 1, 1, REDUCE_THREADS, 0, partial, size,
                sumAddress, accumulate ? 1 : 0);
    }

    int checksum(CudaStream stream, CudaTensor x) {
        CudaTensor sum = scratch.bytes(Long.BYTES);
        CudaErrors.check(JCudaDriver.cuMemsetD8Async(new Handles.DeviceAddress(sum.address()), (byte) 0, Long.BYTES,
                stream.handle()), "clearing a checksum");
        long words = x.bytes() / Integer.BYTES;
        if (words > 0) {
            device.modules().kernel("reduce", "checksum").launch(stream, grid(words), 1, 1, REDUCE_THREADS, 0, x, words,
                    sum);
        }
        long all = readLong(stream, sum.address());
        return (int) (all ^ (all >>> HALF));
    }

    private long readLong(CudaStream stream, long address) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
            CudaErrors.check(JCudaDriver.cuMemcpyDtoHAsync(new Handles.HostAddress(value),
                    new Handles.DeviceAddress(address), Long.BYTES, stream.handle()), "reading a sum");
            stream.synchronize();
            return value.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    void adamW(CudaStream stream, CudaTensor parameters, CudaTensor gradients, CudaTensor first, CudaTensor second,
            CudaTensor copy, AdamWStep s, long step, float gradientScale) {
        if (parameters.size() == 0) {
            return;
        }
        device.modules().kernel("adamw", "adamw_" + suffix(gradients)).launch(stream, grid(parameters.size()), 1, 1,
                THREADS, 0, parameters, gradients, first, second, copy == null ? 0L : copy.address(), parameters.size(),
                gradientScale,
                s.beta1(),
                s.beta2(), correction(s.beta1(), step), correction(s.beta2(), step), s.epsilon(), s.learningRate(),
                decay(s));
    }

    /** Of kernels that there are for F32 and BF16. */
    static String suffix(CudaTensor tensor) {
        return tensor.type() == DType.BF16 ? "bf16" : "f32";
    }

    /** What makes up for a moment that began at zero. */
    static float correction(float beta, long step) {
        return (float) (1 / (1 - Math.pow(beta, (double) step)));
    }

    /** Factor on decaying weights. */
    static float decay(AdamWStep s) {
        return 1 - s.learningRate() * s.weightDecay();
    }

    private CudaKernel elements(String function) {
        return device.modules().kernel("elements", function);
    }

    /** Enough blocks to fill the GPU, and no more: the kernels go on in steps of the grid. */
    int grid(long size) {
        long most = (long) device.context().properties().numMultiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
        return (int) Math.min(most, Math.ceilDiv(size, (long) THREADS));
    }
}
