package io.sparsebalance.engine;

import io.sparsebalance.kernels.AttentionShape;
import java.util.Objects;

/**
 * Shape of the decoder, in the manner of Llama and Qwen3.
 *
 * @param vocabulary V
 * @param layers number of decoder layers
 * @param hidden C
 * @param ffn F, width of the SwiGLU
 * @param attention heads, head size, blocks
 * @param ropeTheta base of the rotary frequencies
 * @param normEpsilon inside the root of RMSNorm
 * @param qkNorm RMSNorm over D on q and k before RoPE (Qwen3)
 * @param tiedEmbeddings one matrix for input and output
 * @param recompute keep only each layer's input, and run the layer again in the backward
 * @param keptLayers of the last layers, for how many recompute does not hold: they keep what they computed
 */
public record ModelConfig(int vocabulary, int layers, int hidden, int ffn, AttentionShape attention, double ropeTheta,
        float normEpsilon, boolean qkNorm, boolean tiedEmbeddings, boolean recompute,
        int keptLayers) {
    /** Checks the ranges. */
    public ModelConfig {
        Objects.requireNonNull(attention, "attention");
        requireAtLeast("vocabulary", vocabulary, 2);
        requireAtLeast("layers", layers, 1);
        requireAtLeast("hidden", hidden, 1);
        requireAtLeast("ffn", ffn, 1);
        requireAtLeast("keptLayers", keptLayers, 0);
        if (!(ropeTheta > 1) || Double.isInfinite(ropeTheta)) {
            throw new IllegalArgumentException("model: ropeTheta " + ropeTheta + " must be finite and above 1");
        }
        if (!(normEpsilon > 0) || Float.isInfinite(normEpsilon)) {
            throw new IllegalArgumentException("model: normEpsilon " + normEpsilon + " must be finite and above 0");
        }
    }

    /** All layers recomputed, or none. */
    public ModelConfig(int vocabulary, int layers, int hidden, int ffn, AttentionShape attention, double ropeTheta,
            float normEpsilon, boolean qkNorm, boolean tiedEmbeddings, boolean recompute) {
        this(vocabulary, layers, hidden, ffn, attention, ropeTheta, normEpsilon, qkNorm, tiedEmbeddings, recompute, 0);
    }

    /** The first of the layers, so many, keep only their input. */
    public int recomputedLayers() {
        return recompute ? Math.max(0, layers - keptLayers) : 0;
    }

    /** H times D, the width of the queries of all heads. */
    int queryWidth() {
        return Math.multiplyExact(attention.heads(), attention.headSize());
    }

    /** J times D, the width of the keys, or of the values, of all key/value heads. */
    int kvWidth() {
        return Math.multiplyExact(attention.kvHeads(), attention.headSize());
    }

    private static void requireAtLeast(String name, int value, int minimum) {
        if (value < minimum) {
            throw new IllegalArgumentException("model: " + name + " " + value + " must be at least " + minimum);
        }
    }
}
