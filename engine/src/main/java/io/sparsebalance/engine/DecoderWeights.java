package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The weights of the decoder, or their gradients, as views of flat tensors.
 *
 * @param embedding {@code [V,C]}
 * @param layers first layer first
 * @param finalNorm {@code [C]}
 * @param output {@code [V,C]}; the embedding itself if they are tied
 */
record DecoderWeights(Tensor embedding, List<LayerWeights> layers, Tensor finalNorm, Tensor output) {
    /**
     * Views of flat tensors.
     *
     * @param matrices holds the matrices at their places in the layout
     * @param norms holds the norm weights at their places in the layout; may be the same tensor
     */
    static DecoderWeights of(ModelConfig model, ParameterLayout layout, Tensor matrices, Tensor norms) {
        List<LayerWeights> layers = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            layers.add(LayerWeights.of(model, layout, matrices, norms, layer));
        }
        Tensor embedding = layout.view(matrices, ParameterLayout.EMBEDDING);
        Tensor output = model.tiedEmbeddings() ? embedding : layout.view(matrices, ParameterLayout.OUTPUT);
        return new DecoderWeights(embedding, List.copyOf(layers), layout.view(norms, ParameterLayout.FINAL_NORM),
                output);
    }
}
