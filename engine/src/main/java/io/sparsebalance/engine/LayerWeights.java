package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;

/**
 * The weights of one layer, or their gradients, as views of a flat tensor.
 *
 * @param attentionNorm {@code [C]}
 * @param q {@code [C,H*D]}
 * @param k {@code [C,J*D]}
 * @param v {@code [C,J*D]}
 * @param qNorm {@code [D]}; null if the model has no norm on q and k
 * @param kNorm {@code [D]}; null if the model has no norm on q and k
 * @param attentionOutput {@code [H*D,C]}
 * @param mlpNorm {@code [C]}
 * @param gateUp {@code [C,2F]}, gate in the first F columns
 * @param down {@code [F,C]}
 */
record LayerWeights(Tensor attentionNorm, Tensor q, Tensor k, Tensor v, Tensor qNorm, Tensor kNorm,
        Tensor attentionOutput, Tensor mlpNorm, Tensor gateUp, Tensor down) {
    /** Views of one layer's weights in flat tensors of matrices and of norm weights. */
    static LayerWeights of(ModelConfig model, ParameterLayout layout, Tensor matrices, Tensor norms, int layer) {
        boolean qkNorm = model.qkNorm();
        return new LayerWeights(view(layout, norms, layer, "attention-norm"),
                view(layout, matrices, layer, "attention.q"),
                view(layout, matrices, layer, "attention.k"),
                view(layout, matrices, layer, "attention.v"),
                qkNorm ? view(layout, norms, layer, "attention.q-norm") : null,
                qkNorm ? view(layout, norms, layer, "attention.k-norm") : null,
                view(layout, matrices, layer, "attention.output"),
                view(layout, norms, layer, "mlp-norm"),
                view(layout, matrices, layer, "mlp.gate-up"),
                view(layout, matrices, layer, "mlp.down"));
    }

    private static Tensor view(ParameterLayout layout, Tensor flat, int layer, String name) {
        return layout.view(flat, ParameterLayout.inLayer(layer, name));
    }
}
