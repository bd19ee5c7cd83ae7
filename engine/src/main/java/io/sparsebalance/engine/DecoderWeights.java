package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The weights of the decoder, or their gradients, as views of a flat tensor.
 *
 * @param embedding {@code [V,C]}
 * @param layers first layer first
 * @param finalNorm {@code [C]}
 * @param output {@code [V,C]}; the embedding itself if they are tied
 */
record DecoderWeights(Tensor embedding, List<LayerWeights> layers, Tensor finalNorm, Tensor output) {
    /** Views of a flat tensor. */
    static DecoderWeights of(ModelConfig model, ParameterLayout layout, Tensor flat) {
        List<LayerWeights> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            layers.add(LayerWeights.of(model, layout, flat, layer));
        }
        Tensor embedding = layout.view(flat, ParameterLayout.EMBEDDING);
        Tensor output = model.tiedEmbeddings() ? embedding : layout.view(flat, ParameterLayout.OUTPUT);
        return new DecoderWeights(embedding, List.copyOf(layers), layout.view(flat, ParameterLayout.FINAL_NORM),
                output);
    }
}
