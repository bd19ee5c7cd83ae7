package io.sparsebalance.engine;

/**
 * Floating-point operations that a model needs, for model FLOPs utilisation (Chowdhery and others: PaLM, 2022, appendix B):
 * a multiply-add counts two, the backward twice the forward; recomputation, norms and the router count nothing.
 *
 * @param linearPerToken forward and backward of all products with weights, for one token
 * @param attentionPerPair forward and backward of attention for one selected (query, key) pair of one layer, all heads
 */
public record ModelFlops(double linearPerToken, double attentionPerPair) {
    /** Forward 2, backward 4, for each weight of a product. */
    private static final double PER_WEIGHT = 6;
    /** Two products forward and four backward, two operations each, for each head and head dimension. */
    private static final double PER_PAIR = 12;

    /** For one model. */
    public static ModelFlops of(ModelConfig model) {
        double hidden = model.hidden();
        double attention = hidden * (2.0 * model.queryWidth() + 2.0 * model.kvWidth());
        double mlp = 3 * hidden * model.ffn();
        double output = hidden * model.vocabulary();
        return new ModelFlops(PER_WEIGHT * (model.layers() * (attention + mlp) + output),
                PER_PAIR * model.queryWidth());
    }

    /**
     * Of one forward and backward.
     *
     * @param selectedPairs summed over layers, mean over key/value heads, as in {@link MicroBatchResult}
     */
    public double ofMicroBatch(long numTokens, long selectedPairs) {
        return linearPerToken * numTokens + attentionPerPair * selectedPairs;
    }
}
