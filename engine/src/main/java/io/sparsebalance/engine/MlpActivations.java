package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;

/**
 * What the feed-forward half of a layer computes forward and needs backward; views of workspace buffers.
 *
 * @param mid {@code [T,C]} its input: the residual stream after attention
 * @param rstd {@code [T]}
 * @param normed {@code [T,C]}
 * @param gateUp {@code [T,2F]}
 * @param activated {@code [T,F]}
 */
record MlpActivations(Tensor mid, Tensor rstd, Tensor normed, Tensor gateUp, Tensor activated) {
    /** The buffers whose names begin with {@code prefix}, sized for T tokens. */
    static MlpActivations of(DecoderContext context, String prefix, long numTokens) {
        Workspace workspace = context.workspace();
        long hidden = context.model().hidden();
        long ffn = context.model().ffn();
        return new MlpActivations(workspace.activation(prefix + "mid", numTokens, hidden),
                workspace.f32(prefix + "mlp.rstd", numTokens),
                workspace.activation(prefix + "mlp.normed", numTokens, hidden),
                workspace.activation(prefix + "mlp.gate-up", numTokens, 2 * ffn),
                workspace.activation(prefix + "mlp.activated", numTokens, ffn));
    }
}
