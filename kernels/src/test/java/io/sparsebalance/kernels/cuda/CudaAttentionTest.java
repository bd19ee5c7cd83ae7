package io.sparsebalance.kernels.cuda;

import static io.sparsebalance.kernels.cuda.BothDevices.assertClose;
import static io.sparsebalance.kernels.cuda.BothDevices.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cuda.BothDevices.Both;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Router and sparse attention of the GPU against the CPU device, on shapes, lengths and budgets drawn from a seed. */
@Tag("cuda")
class CudaAttentionTest {
    private static final double BF16 = 1e-2;
    private static final int[] BLOCKS = {64, 128, 256};
    private static final int TOKENS = 600;

    @BeforeAll
    static void requireGpu() {
        BothDevices.requireGpu();
    }

    /** Tensors of one attention on both devices. */
    private record Setting(AttentionShape shape, Packing documents, Both q, Both k, Both v, Both dOut, Both out,
            Both dq,
            Both dk, Both dv, Both logSumExp) {
        static Setting random(BothDevices devices, AttentionShape shape, Packing documents) {
            long tokens = documents.numTokens();
            long[] rows = {tokens, shape.heads(), shape.headSize()};
            long[] keys = {tokens, shape.kvHeads(), shape.headSize()};
            return new Setting(shape, documents, devices.activation(rows), devices.activation(keys),
                    devices.activation(keys), devices.activation(rows), devices.activation(rows),
                    devices.activation(rows), devices.activation(keys), devices.activation(keys),
                    devices.f32(1, shape.heads(), tokens));
        }

        private static Tensor side(Both both, boolean gpu) {
            return gpu ? both.gpu() : both.cpu();
        }

        /** Forward and backward; returns the coverage and then the selected pairs. */
        double[] run(Device device, boolean gpu, int budget) {
            SparseAttention attention = device.attention(shape);
            try (BlockLists lists = attention.route(device.stream(), side(q, gpu), side(k, gpu), documents, budget,
                    new int[]{1, budget})) {
                attention.forward(device.stream(), side(q, gpu), side(k, gpu), side(v, gpu), lists, side(out, gpu),
                        side(logSumExp, gpu));
                attention.backward(device.stream(), side(q, gpu), side(k, gpu), side(v, gpu), side(out, gpu),
                        side(dOut, gpu), side(logSumExp, gpu), lists, side(dq, gpu), side(dk, gpu), side(dv, gpu));
                double[] coverage = lists.coverage();
                return new double[]{coverage[0], coverage[1], (double) lists.selectedPairs()};
            }
        }

        List<byte[]> results() {
            return List.of(bytes(out.gpu()), bytes(logSumExp.gpu()), bytes(dq.gpu()), bytes(dk.gpu()), bytes(dv.gpu()));
        }
    }

    private static AttentionShape shape(SplittableRandom random) {
        int kvHeads = random.nextInt(1, 4);
        return new AttentionShape(kvHeads * random.nextInt(1, 9), kvHeads, random.nextBoolean() ? 64 : 128,
                BLOCKS[random.nextInt(BLOCKS.length)], random.nextInt(16, 129), random.nextInt(2), random.nextInt(2));
    }

    private static Packing lengths(SplittableRandom random) {
        List<Integer> lengths = new ArrayList<>();
        for (int left = TOKENS; left > 0;) {
            int length = Math.min(left, random.nextInt(4) == 0 ? random.nextInt(1, 4) : random.nextInt(1, TOKENS));
            lengths.add(length);
            left -= length;
        }
        return Packing.ofLengths(lengths);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void agreesWithTheCpu(long seed) {
        agreesWithTheCpu(seed, false);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void agreesWithTheCpuWithQueriesGradientsAdded(long seed) {
        agreesWithTheCpu(seed, true);
    }

    private static void agreesWithTheCpu(long seed, boolean addQueryGradients) {
        SplittableRandom random = new SplittableRandom(seed);
        try (BothDevices devices = new BothDevices(seed, addQueryGradients)) {
            Setting setting = Setting.random(devices, shape(random), lengths(random));
            int budget = random.nextInt(1, 6);
            double[] expected = setting.run(devices.cpu(), false, budget);
            double[] actual = setting.run(devices.gpu(), true, budget);
            assertThat(actual).containsExactly(expected, within(1e-5));
            for (Both both : List.of(setting.out, setting.logSumExp, setting.dq, setting.dk, setting.dv)) {
                assertClose(both, BF16);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {31, 32, 33})
    void twoRunsGiveTheSameBits(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        try (BothDevices devices = new BothDevices(seed)) {
            Setting setting = Setting.random(devices, shape(random), Packing.ofLengths(List.of(1500, 3, 700)));
            setting.run(devices.gpu(), true, 3);
            List<byte[]> first = setting.results();
            setting.run(devices.gpu(), true, 3);
            List<byte[]> second = setting.results();
            for (int i = 0; i < first.size(); i++) {
                assertThat(second.get(i)).isEqualTo(first.get(i));
            }
        }
    }

    /** A budget that covers the context is dense attention: more budget changes no bit. */
    @Test
    void coveringBudgetsAreDense() {
        try (BothDevices devices = new BothDevices(51)) {
            AttentionShape shape = new AttentionShape(4, 2, 128, 128, 32, 0, 0);
            Setting setting = Setting.random(devices, shape, Packing.ofLengths(List.of(900)));
            double[] exact = setting.run(devices.gpu(), true, 8);
            List<byte[]> first = setting.results();
            double[] more = setting.run(devices.gpu(), true, 1000);
            assertThat(exact[1]).isEqualTo(1);
            assertThat(more[2]).isEqualTo((double) setting.documents.causalPairs());
            assertThat(setting.results().getFirst()).isEqualTo(first.getFirst());
        }
    }

    @Test
    void bothFamiliesAgree() {
        try (BothDevices devices = new BothDevices(61)) {
            CudaDevice gpu = devices.gpu();
            AttentionShape shape = new AttentionShape(8, 2, 64, 64, 48, 1, 0);
            Setting setting = Setting.random(devices, shape, Packing.ofLengths(List.of(1000, 30)));
            AttentionFamily.Inputs in = new AttentionFamily.Inputs(setting.q.gpu(), setting.k.gpu(), setting.v.gpu());
            setting.run(gpu, true, 4);
            try (BlockLists lists = gpu.attention(shape).route(gpu.stream(), setting.q.gpu(), setting.k.gpu(),
                    setting.documents, 4, new int[0])) {
                try (CudaTensor out = gpu.allocateCuda(DType.BF16, setting.out.gpu().shape())) {
                    new MmaAttention(gpu.modules(), shape).forward(gpu.cudaStream(), (CudaBlockLists) lists, in, out,
                            setting.logSumExp.gpu());
                    setting.out.cpu().upload(MemorySegment.ofArray(floats(out)));
                }
            }
            assertClose(setting.out, BF16);
        }
    }

    private static float[] floats(Tensor tensor) {
        double[] values = BothDevices.values(tensor);
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
