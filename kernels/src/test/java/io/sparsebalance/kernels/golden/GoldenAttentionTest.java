package io.sparsebalance.kernels.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Router and sparse attention against what PyTorch computed in float64: {@code tools/golden/attention.py}. */
class GoldenAttentionTest {
    /** Inputs are exact in F32; what remains is F32 arithmetic. */
    private static final double F32 = 3e-6;
    /** Weights, gradients and results are rounded to bf16. */
    private static final double BF16 = 1e-2;

    @ParameterizedTest
    @ValueSource(strings = {"attention-d64", "attention-d128"})
    void cpuAgrees(String name) {
        try (Run run = new Run("cpu", name)) {
            run.check(F32);
        }
    }

    @ParameterizedTest
    @Tag("cuda")
    @ValueSource(strings = {"attention-d64", "attention-d128"})
    void gpuAgrees(String name) {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
        try (Run run = new Run("cuda", name)) {
            run.check(BF16);
        }
    }

    /** The golden case on one device. */
    private static final class Run implements AutoCloseable {
        private final GoldenFile golden;
        private final AttentionShape shape;
        private final Packing documents;
        private final Device device;
        private final List<Tensor> tensors = new ArrayList<>();

        Run(String kind, String name) {
            golden = GoldenFile.read(name);
            shape = new AttentionShape(golden.number("heads"), golden.number("kvHeads"), golden.number("headSize"),
                    golden.number("block"), golden.number("queryTile"), golden.number("sinkBlocks"),
                    golden.number("localBlocks"));
            documents = Packing.ofLengths(Arrays.stream(golden.numbers("lengths")).boxed().toList());
            device = Devices.open(kind, 2);
        }

        void check(double limit) {
            Tensor q = input("q");
            Tensor k = input("k");
            Tensor v = input("v");
            Tensor dOut = input("dOut");
            Tensor out = output(device.computeType(), q.size());
            Tensor dq = output(device.computeType(), q.size());
            Tensor dk = output(device.computeType(), k.size());
            Tensor dv = output(device.computeType(), k.size());
            Tensor logSumExp = output(DType.F32, (long) shape.heads() * documents.numTokens());
            SparseAttention attention = device.attention(shape);
            double[] coverage = golden.f64("coverage");
            try (BlockLists lists = attention.route(device.stream(), q, k, documents, golden.number("budget"),
                    golden.numbers("coverageBudgets"))) {
                attention.forward(device.stream(), q, k, v, lists, out, logSumExp);
                attention.backward(device.stream(), q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
                for (int i = 0; i < coverage.length; i++) {
                    assertThat(lists.coverage()[i]).as("coverage " + i).isCloseTo(coverage[i], within(1e-5));
                }
            }
            assertClose("out", out, limit);
            assertClose("logSumExp", logSumExp, F32);
            assertClose("dq", dq, limit);
            assertClose("dk", dk, limit);
            assertClose("dv", dv, limit);
        }

        private Tensor input(String name) {
            short[] halves = golden.bf16(name);
            Tensor tensor = output(device.computeType(), halves.length);
            if (tensor.type() == DType.BF16) {
                tensor.upload(MemorySegment.ofArray(halves));
            } else {
                tensor.upload(MemorySegment.ofArray(floats(halves)));
            }
            return tensor;
        }

        private Tensor output(DType type, long size) {
            Tensor tensor = device.allocate(type, size);
            tensors.add(tensor);
            return tensor;
        }

        private static float[] floats(short[] halves) {
            float[] floats = new float[halves.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = Float.intBitsToFloat(halves[i] << 16);
            }
            return floats;
        }

        private static float[] floats(Tensor tensor) {
            if (tensor.type() == DType.BF16) {
                short[] halves = new short[Math.toIntExact(tensor.size())];
                tensor.download(MemorySegment.ofArray(halves));
                return floats(halves);
            }
            float[] floats = new float[Math.toIntExact(tensor.size())];
            tensor.download(MemorySegment.ofArray(floats));
            return floats;
        }

        private void assertClose(String name, Tensor tensor, double limit) {
            float[] expected = golden.f32(name);
            float[] actual = floats(tensor);
            double error = 0;
            double norm = 0;
            for (int i = 0; i < expected.length; i++) {
                error += Math.pow((double) actual[i] - expected[i], 2);
                norm += Math.pow(expected[i], 2);
            }
            assertThat(Math.sqrt(error / norm)).as("relative error of " + name).isLessThan(limit);
        }

        @Override
        public void close() {
            tensors.forEach(Tensor::close);
            device.close();
        }
    }
}
