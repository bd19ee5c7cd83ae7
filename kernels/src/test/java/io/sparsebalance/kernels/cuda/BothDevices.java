package io.sparsebalance.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * A CUDA device beside the CPU device that is its reference, with equal tensors on both. The GPU's memory is poisoned where it
 * is free and guarded behind each tensor; closing checks that nothing leaked.
 */
final class BothDevices implements AutoCloseable {
    private final Device cpu = Devices.open("cpu", 2);
    private final CudaDevice gpu;
    private final List<Tensor> tensors = new ArrayList<>();
    private final SplittableRandom random;

    /** The same elements on both devices: F32 or I32 on the CPU; on the GPU perhaps BF16. */
    record Both(Tensor cpu, CudaTensor gpu) {}

    BothDevices(long seed) {
        this(seed, false);
    }

    /** @param addQueryGradients as in {@link DeviceSettings} */
    BothDevices(long seed, boolean addQueryGradients) {
        requireGpu();
        random = new SplittableRandom(seed);
        gpu = new CudaDevice(new DeviceSettings(1, 0, 1, 0, true, addQueryGradients));
    }

    /** Skips the test, with the reason, where there is no GPU. */
    static void requireGpu() {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
    }

    Device cpu() {
        return cpu;
    }

    CudaDevice gpu() {
        return gpu;
    }

    SplittableRandom random() {
        return random;
    }

    /** Normal deviates, rounded to BF16, which is their type on the GPU. */
    Both activation(long... shape) {
        float[] values = normal(shape, 1);
        for (int i = 0; i < values.length; i++) {
            values[i] = round(values[i]);
        }
        return of(values, DType.BF16, shape);
    }

    /** Normal deviates times a factor, F32 on both. */
    Both f32(double factor, long... shape) {
        return of(normal(shape, factor), DType.F32, shape);
    }

    private float[] normal(long[] shape, double factor) {
        float[] values = new float[Math.toIntExact(CudaTensor.numElements(shape))];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (factor * random.nextGaussian());
        }
        return values;
    }

    /** Nearest BF16, ties to even. */
    static float round(float value) {
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat((bits + 0x7FFF + ((bits >>> 16) & 1)) & 0xFFFF0000);
    }

    /** The given values on both devices. */
    Both of(float[] values, DType gpuType, long... shape) {
        Tensor host = cpu.allocate(DType.F32, shape);
        host.upload(MemorySegment.ofArray(values));
        CudaTensor device = gpu.allocateCuda(gpuType, shape);
        if (gpuType == DType.BF16) {
            short[] halves = new short[values.length];
            for (int i = 0; i < halves.length; i++) {
                halves[i] = (short) (Float.floatToRawIntBits(round(values[i])) >>> 16);
            }
            device.upload(MemorySegment.ofArray(halves));
        } else {
            device.upload(MemorySegment.ofArray(values));
        }
        return keep(new Both(host, device));
    }

    /** Integers on both devices. */
    Both of(int[] values) {
        Tensor host = cpu.allocate(DType.I32, values.length);
        CudaTensor device = gpu.allocateCuda(DType.I32, values.length);
        host.upload(MemorySegment.ofArray(values));
        device.upload(MemorySegment.ofArray(values));
        return keep(new Both(host, device));
    }

    /** A sum in F64 on both devices. */
    Both sum(double value) {
        Tensor host = cpu.allocate(DType.F64, 1);
        CudaTensor device = gpu.allocateCuda(DType.F64, 1);
        host.upload(MemorySegment.ofArray(new double[]{value}));
        device.upload(MemorySegment.ofArray(new double[]{value}));
        return keep(new Both(host, device));
    }

    private Both keep(Both both) {
        tensors.add(both.cpu());
        tensors.add(both.gpu());
        return both;
    }

    /** Elements as numbers, wherever they lie. */
    static double[] values(Tensor tensor) {
        int size = Math.toIntExact(tensor.size());
        double[] values = new double[size];
        switch (tensor.type()) {
            case F32 -> {
                float[] floats = new float[size];
                tensor.download(MemorySegment.ofArray(floats));
                for (int i = 0; i < size; i++) {
                    values[i] = floats[i];
                }
            }
            case BF16 -> {
                short[] halves = new short[size];
                tensor.download(MemorySegment.ofArray(halves));
                for (int i = 0; i < size; i++) {
                    values[i] = Float.intBitsToFloat(halves[i] << 16);
                }
            }
            case F64 -> tensor.download(MemorySegment.ofArray(values));
            case I32 -> throw new IllegalArgumentException("no numbers to compare in " + tensor);
        }
        return values;
    }

    /** Raw bytes, to compare bits. */
    static byte[] bytes(Tensor tensor) {
        byte[] bytes = new byte[Math.toIntExact(tensor.bytes())];
        tensor.download(MemorySegment.ofArray(bytes));
        return bytes;
    }

    /** {@code ||gpu - cpu|| / ||cpu||}; NaN if either has one. */
    static double error(Both both) {
        double[] expected = values(both.cpu());
        double[] actual = values(both.gpu());
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return norm == 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
    }

    /** The GPU's result is within rounding of the CPU's. */
    static void assertClose(Both both, double limit) {
        assertThat(error(both)).as("relative error of %s", both.gpu()).isLessThan(limit);
    }

    /** Element of a small tensor on the GPU. */
    static double first(Tensor tensor) {
        return values(tensor)[0];
    }

    /** Bytes of a native segment, for tests of transfers. */
    static byte[] copy(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
        tensors.forEach(Tensor::close);
        long open = gpu.memory().numTensors();
        gpu.close();
        cpu.close();
        assertThat(open).as("tensors left open on the GPU").isZero();
        assertThat(gpu.memory().numTensors()).as("blocks left after close").isZero();
    }
}
