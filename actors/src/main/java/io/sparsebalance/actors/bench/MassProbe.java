package io.sparsebalance.actors.bench;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention that looks on: with each forward of one document it also runs the forward at other budgets, the dense one among
 * them. A row's softmax is normalised by the sum of exponentials over the keys that it sees, whose logarithm the forward
 * returns; so the share of dense attention's probability that the kept blocks hold is
 * {@code exp(logSumExp(kept) - logSumExp(all))}, exactly, for every row and head. Device thread only.
 */
final class MassProbe implements SparseAttention {
    private final SparseAttention attention;
    private final Device device;
    private final int[] budgets;
    private final List<CoveragePoint> points = new ArrayList<>();
    private boolean on;
    private int layer;

    /** @param budgets to look at */
    MassProbe(SparseAttention attention, Device device, int[] budgets) {
        this.attention = attention;
        this.device = device;
        this.budgets = budgets.clone();
    }

    /** The next forwards are the layers of one document. */
    void start() {
        on = true;
        layer = 0;
    }

    void stop() {
        on = false;
    }

    List<CoveragePoint> points() {
        return points;
    }

    @Override
    public AttentionShape shape() {
        return attention.shape();
    }

    @Override
    public BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets) {
        return attention.route(stream, q, k, documents, budget, coverageBudgets);
    }

    @Override
    public void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp) {
        attention.forward(stream, q, k, v, lists, out, logSumExp);
        if (on) {
            look(stream, q, k, v, lists.documents());
            layer++;
        }
    }

    private void look(Stream stream, Tensor q, Tensor k, Tensor v, Packing document) {
        int length = document.numTokens();
        int numBlocks = Math.ceilDiv(length, shape().block());
        try (Tensor out = device.allocate(DType.F32, q.shape());
                Tensor logSumExp = device.allocate(DType.F32, shape().heads(), length)) {
            float[] dense = new float[Math.toIntExact(logSumExp.size())];
            at(stream, q, k, v, document, numBlocks, out, logSumExp, dense);
            float[] kept = new float[dense.length];
            for (int budget : budgets) {
                if (budget >= numBlocks) {
                    break;
                }
                double coverage = at(stream, q, k, v, document, budget, out, logSumExp, kept);
                double mass = 0;
                for (int i = 0; i < kept.length; i++) {
                    mass += Math.exp((double) kept[i] - dense[i]);
                }
                points.add(new CoveragePoint(layer, length, budget, coverage, mass / kept.length));
            }
        }
    }

    /** The forward at a budget; returns the router's coverage. */
    private double at(Stream stream, Tensor q, Tensor k, Tensor v, Packing document, int budget, Tensor out,
            Tensor logSumExp, float[] read) {
        try (BlockLists lists = attention.route(stream, q, k, document, budget, new int[]{budget})) {
            attention.forward(stream, q, k, v, lists, out, logSumExp);
            stream.synchronize();
            read(logSumExp, read);
            return lists.coverage()[0];
        }
    }

    /** The only place that reads a tensor's memory. */
    private static void read(Tensor tensor, float[] values) {
        tensor.download(MemorySegment.ofArray(values));
    }

    @Override
    public void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists, Tensor dq, Tensor dk, Tensor dv) {
        attention.backward(stream, q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
    }
}
