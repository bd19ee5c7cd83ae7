package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;

/**
 * What the attention half of a layer computes forward and needs backward; views of workspace buffers.
 *
 * @param rstd {@code [T]}
 * @param normed {@code [T,C]}
 * @param qRaw {@code [T,H,D]} before the norm on q; null without it
 * @param kRaw {@code [T,J,D]} before the norm on k; null without it
 * @param qRstd {@code [T*H]}; null without the norm
 * @param kRstd {@code [T*J]}; null without the norm
 * @param q {@code [T,H,D]} after norm and RoPE
 * @param k {@code [T,J,D]} after norm and RoPE
 * @param v {@code [T,J,D]}
 * @param out {@code [T,H,D]}
 * @param logSumExp {@code [H,T]}
 */
record AttentionActivations(Tensor rstd, Tensor normed, Tensor qRaw, Tensor kRaw, Tensor qRstd, Tensor kRstd, Tensor q,
        Tensor k, Tensor v, Tensor out, Tensor logSumExp) {
    /** The buffers whose names begin with {@code prefix}, sized for T tokens. */
    static AttentionActivations of(DecoderContext context, String prefix, long numTokens) {
        Workspace workspace = context.workspace();
        ModelConfig model = context.model();
        long heads = model.attention().heads();
        long kvHeads = model.attention().kvHeads();
        long headSize = model.attention().headSize();
        boolean qkNorm = model.qkNorm();
        return new AttentionActivations(workspace.f32(prefix + "attention.rstd", numTokens),
                workspace.activation(prefix + "attention.normed", numTokens, model.hidden()),
                qkNorm ? workspace.activation(prefix + "q.raw", numTokens, heads, headSize) : null,
                qkNorm ? workspace.activation(prefix + "k.raw", numTokens, kvHeads, headSize) : null,
                qkNorm ? workspace.f32(prefix + "q.rstd", numTokens * heads) : null,
                qkNorm ? workspace.f32(prefix + "k.rstd", numTokens * kvHeads) : null,
                workspace.activation(prefix + "q", numTokens, heads, headSize),
                workspace.activation(prefix + "k", numTokens, kvHeads, headSize),
                workspace.activation(prefix + "v", numTokens, kvHeads, headSize),
                workspace.activation(prefix + "attention.out", numTokens, heads, headSize),
                workspace.f32(prefix + "attention.log-sum-exp", heads, numTokens));
    }
}
