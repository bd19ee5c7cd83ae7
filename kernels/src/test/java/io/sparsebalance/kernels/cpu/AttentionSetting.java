package io.sparsebalance.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** Random tensors on a device. */
final class AttentionSetting implements AutoCloseable {
    final AttentionShape shape;
    final Packing documents;
    final CpuDevice device;
    final Tensor q;
    final Tensor k;
    final Tensor v;
    final Tensor dOut;
    final Tensor out;
    final Tensor dq;
    final Tensor dk;
    final Tensor dv;
    final Tensor logSumExp;
    long selectedPairs;
    double[] coverage;

    AttentionSetting(AttentionShape shape, Packing documents, int threads, long seed) {
        this.shape = shape;
        this.documents = documents;
        device = new CpuDevice(threads);
        SplittableRandom random = new SplittableRandom(seed);
        q = normal(random, shape.heads());
        k = normal(random, shape.kvHeads());
        v = normal(random, shape.kvHeads());
        dOut = normal(random, shape.heads());
        out = empty(shape.heads());
        dq = empty(shape.heads());
        dk = empty(shape.kvHeads());
        dv = empty(shape.kvHeads());
        logSumExp = device.allocate(DType.F32, shape.heads(), documents.numTokens());
    }

    private Tensor empty(int heads) {
        return device.allocate(DType.F32, documents.numTokens(), heads, shape.headSize());
    }

    private Tensor normal(SplittableRandom random, int heads) {
        Tensor tensor = empty(heads);
        for (long i = 0; i < tensor.size(); i++) {
            tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return tensor;
    }

    ScalarAttention scalar() {
        return new ScalarAttention(shape, documents, doubles(q), doubles(k), doubles(v));
    }

    void run(int budget) {
        run(device.attention(shape), budget);
    }

    void run(SparseAttention attention, int budget) {
        try (BlockLists lists = attention.route(device.stream(), q, k, documents, budget, new int[]{1, budget})) {
            selectedPairs = lists.selectedPairs();
            coverage = lists.coverage();
            attention.forward(device.stream(), q, k, v, lists, out, logSumExp);
            attention.backward(device.stream(), q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
        }
    }

    @Override
    public void close() {
        for (Tensor tensor : List.of(q, k, v, dOut, out, dq, dk, dv, logSumExp)) {
            tensor.close();
        }
        device.close();
        assertThat(device.memory().numTensors()).isZero();
    }

    static void assertClose(float[] actual, double[] expected) {
        double error = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        assertThat(Math.sqrt(error / norm)).isLessThan(3e-6);
    }

    static float[] floats(Tensor tensor) {
        return tensor.segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    static double[] doubles(Tensor tensor) {
        float[] values = floats(tensor);
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            doubles[i] = values[i];
        }
        return doubles;
    }
}
