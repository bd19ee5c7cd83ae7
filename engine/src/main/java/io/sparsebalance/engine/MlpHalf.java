package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;

/** Second half of a layer: {@code out = mid + swiGlu(norm(mid) Wgu) Wdown}. */
final class MlpHalf {
    private final DecoderContext context;

    MlpHalf(DecoderContext context) {
        this.context = context;
    }

    /** From {@code mid} to the activated features; all that the backward needs. */
    void activate(LayerWeights weights, MlpActivations act) {
        context.rmsNorm(act.mid(), weights.mlpNorm(), act.normed(), act.rstd());
        context.product(act.normed(), weights.gateUp(), act.gateUp());
        context.ops().swiGlu(context.stream(), act.gateUp(), act.activated());
    }

    /** From the activated features to the layer's output {@code out[T,C]}. */
    void project(LayerWeights weights, MlpActivations act, Tensor out) {
        context.product(act.activated(), weights.down(), act.mid(), out);
    }

    /**
     * Backward of the whole half; overwrites {@code act.gateUp()} with its gradient.
     *
     * @param dResidual {@code [T,C]} gradient of the output on entry, of {@code mid} on return
     */
    void backward(LayerWeights weights, LayerWeights gradients, MlpActivations act, Tensor dResidual) {
        Workspace workspace = context.workspace();
        Tensor dActivated = workspace.activation("backward.activated", act.activated().shape());
        Tensor dNormed = workspace.activation("backward.normed", act.normed().shape());
        context.addWeightGradient(act.activated(), dResidual, gradients.down());
        context.inputGradient(dResidual, weights.down(), dActivated);
        Tensor dGateUp = act.gateUp();
        context.ops().swiGluBackward(context.stream(), dActivated, act.gateUp(), dGateUp);
        context.addWeightGradient(act.normed(), dGateUp, gradients.gateUp());
        context.inputGradient(dGateUp, weights.gateUp(), dNormed);
        context.rmsNormBackward(dNormed, act.mid(), weights.mlpNorm(), act.rstd(), dResidual, gradients.mlpNorm());
    }
}
