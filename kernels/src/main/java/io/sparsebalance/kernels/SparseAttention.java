package io.sparsebalance.kernels;

/**
 * Block-sparse causal attention over packed documents, with a router that picks the key blocks (mixture of block
 * attention, MoBA, arXiv 2502.13189; scores pooled over a query tile and the heads of a group).
 *
 * <p>For each document, key/value head and query tile: score of block j = mean over the tile's rows and the group's heads
 * of q, dot mean over the block's keys of k. Candidates are the blocks wholly before the tile's first token. The blocks
 * that overlap the tile are always kept and are causal inside. The best are kept until {@code budget} blocks in all; ties go
 * to the lower index. Selection carries no gradient.
 */
public interface SparseAttention {
    /** The shape that these kernels were made for. */
    AttentionShape shape();

    /**
     * Picks blocks. The lists and their inverse are kept for forward and backward.
     *
     * @param q {@code [T,H,D]} after RoPE and norm
     * @param k {@code [T,J,D]} after RoPE and norm
     * @param budget blocks a tile may keep, its own included; at least 1
     * @param coverageBudgets budgets at which the coverage curve is sampled, ascending; may be empty
     */
    BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets);

    /**
     * {@code out[T,H,D] = softmax(q k^T / sqrt(D)) v} over the kept keys.
     *
     * @param v {@code [T,J,D]}
     * @param logSumExp {@code [H,T]}, written, kept for the backward
     */
    void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp);

    /** Gradients of {@link #forward}: writes {@code dq[T,H,D]}, {@code dk[T,J,D]}, {@code dv[T,J,D]}. */
    void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists,
            Tensor dq, Tensor dk, Tensor dv);
}
