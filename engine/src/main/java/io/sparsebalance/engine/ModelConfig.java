package io.sparsebalance.engine;

import io.sparsebalance.kernels.AttentionShape;

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
 */
public record ModelConfig(int vocabulary, int layers, int hidden, int ffn, AttentionShape attention, double ropeTheta,
        float normEpsilon, boolean qkNorm, boolean tiedEmbeddings, boolean recompute) {}
