package io.sparsebalance.engine;

import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;

/**
 * First half of a layer: {@code mid = x + attention(norm(x)) Wo}. Forward is three calls, because the blocks are picked
 * between the first and the last, and are kept when the forward is run again.
 */
final class AttentionHalf {
    private final DecoderContext context;
    private final ModelConfig model;
    private final Ops ops;
    private final Stream stream;

    AttentionHalf(DecoderContext context) {
        this.context = context;
        this.model = context.model();
        this.ops = context.ops();
        this.stream = context.stream();
    }

    /** From the layer's input {@code x[T,C]} to q, k and v. */
    void project(Tensor x, LayerWeights weights, MicroBatch batch, AttentionActivations act) {
        context.rmsNorm(x, weights.attentionNorm(), act.normed(), act.rstd());
        if (model.qkNorm()) {
            context.product(act.normed(), weights.q(), act.qRaw());
            context.product(act.normed(), weights.k(), act.kRaw());
            normRope(act.qRaw(), weights.qNorm(), batch, act.q(), act.qRstd());
            normRope(act.kRaw(), weights.kNorm(), batch, act.k(), act.kRstd());
        } else {
            context.product(act.normed(), weights.q(), act.q());
            context.product(act.normed(), weights.k(), act.k());
            ops.rope(stream, act.q(), batch.positions(), model.ropeTheta(), false);
            ops.rope(stream, act.k(), batch.positions(), model.ropeTheta(), false);
        }
        context.product(act.normed(), weights.v(), act.v());
    }

    private void normRope(Tensor raw, Tensor weight, MicroBatch batch, Tensor y, Tensor rstd) {
        ops.normRope(stream, raw, weight, model.normEpsilon(), batch.positions(), model.ropeTheta(), y, rstd);
    }

    /** Picks the blocks of one layer; the caller closes the lists. */
    BlockLists route(MicroBatch batch, int layer, AttentionActivations act) {
        return context.attention().route(stream, act.q(), act.k(), batch.documents(), batch.budget(layer),
                batch.coverageBudgets());
    }

    /** From q, k and v to {@code mid[T,C]}. */
    void attend(Tensor x, LayerWeights weights, BlockLists lists, AttentionActivations act, Tensor mid) {
        context.attention().forward(stream, act.q(), act.k(), act.v(), lists, act.out(), act.logSumExp());
        context.product(act.out(), weights.attentionOutput(), x, mid);
    }

    /**
     * Backward of the whole half.
     *
     * @param dResidual {@code [T,C]} gradient of {@code mid} on entry, of {@code x} on return
     */
    void backward(Tensor x, LayerWeights weights, LayerWeights gradients, MicroBatch batch, BlockLists lists,
            AttentionActivations act, Tensor dResidual) {
        Workspace workspace = context.workspace();
        Tensor dOut = workspace.activation("backward.attention.out", act.out().shape());
        Tensor dq = workspace.activation("backward.q", act.q().shape());
        Tensor dk = workspace.activation("backward.k", act.k().shape());
        Tensor dv = workspace.activation("backward.v", act.v().shape());
        context.addWeightGradient(act.out(), dResidual, gradients.attentionOutput());
        context.inputGradient(dResidual, weights.attentionOutput(), dOut);
        context.attention().backward(stream, act.q(), act.k(), act.v(), act.out(), dOut, act.logSumExp(), lists, dq,
                dk, dv);
        Tensor dqRaw = dq;
        Tensor dkRaw = dk;
        if (model.qkNorm()) {
            dqRaw = workspace.activation("backward.q.raw", act.qRaw().shape());
            dkRaw = workspace.activation("backward.k.raw", act.kRaw().shape());
            ops.normRopeBackward(stream, dq, act.qRaw(), weights.qNorm(), act.qRstd(), batch.positions(),
                    model.ropeTheta(), dqRaw, gradients.qNorm());
            ops.normRopeBackward(stream, dk, act.kRaw(), weights.kNorm(), act.kRstd(), batch.positions(),
                    model.ropeTheta(), dkRaw, gradients.kNorm());
        } else {
            ops.rope(stream, dq, batch.positions(), model.ropeTheta(), true);
            ops.rope(stream, dk, batch.positions(), model.ropeTheta(), true);
        }
        Tensor dNormed = workspace.activation("backward.normed", dResidual.shape());
        context.addWeightGradient(act.normed(), dqRaw, gradients.q());
        context.addWeightGradient(act.normed(), dkRaw, gradients.k());
        context.addWeightGradient(act.normed(), dv, gradients.v());
        context.inputGradient(dqRaw, weights.q(), dNormed);
        context.addInputGradient(dkRaw, weights.k(), dNormed);
        context.addInputGradient(dv, weights.v(), dNormed);
        context.rmsNormBackward(dNormed, x, weights.attentionNorm(), act.rstd(), dResidual,
                gradients.attentionNorm());
    }
}
