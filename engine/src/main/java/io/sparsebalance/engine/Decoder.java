package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.util.function.IntConsumer;

/**
 * The whole model on one micro-batch: embedding, layers, loss, and back. Weights and gradients are the caller's; the
 * activations live in the workspace. Device thread only.
 */
final class Decoder {
    private final DecoderContext context;
    private final AttentionHalf attention;
    private final MlpHalf mlp;
    private final LossHead head;

    /** @param chunkBytes most bytes of logits at once */
    Decoder(DecoderContext context, long chunkBytes) {
        this.context = context;
        this.attention = new AttentionHalf(context);
        this.mlp = new MlpHalf(context);
        this.head = new LossHead(context, chunkBytes);
    }

    /**
     * Forward and backward; adds to {@code gradients}.
     *
     * @param layerDone is told of each layer when its matrices' gradients are complete, last layer first
     */
    MicroBatchResult forwardBackward(MicroBatch batch, DecoderWeights weights, DecoderWeights gradients,
            double lossScale, IntConsumer layerDone) {
        int layers = context.model().layers();
        int recomputed = context.model().recomputedLayers();
        try (LayerLists lists = new LayerLists()) {
            embed(batch, weights, residual(batch, 0));
            for (int layer = 0; layer < layers; layer++) {
                forwardLayer(batch, weights, layer, lists, prefix(layer), residual(batch, layer),
                        residual(batch, layer + 1));
            }
            Tensor dResidual = context.workspace().activation("backward.residual", batch.numTokens(),
                    context.model().hidden());
            head.forwardBackward(residual(batch, layers), batch.batch().targets(), weights, gradients,
                    (float) lossScale, dResidual);
            for (int layer = layers - 1; layer >= 0; layer--) {
                // The shared buffers still hold what the last of their layers computed when its turn comes.
                if (layer < recomputed - 1) {
                    recomputeLayer(batch, weights, layer, lists);
                }
                backwardLayer(batch, weights, gradients, layer, lists, dResidual);
                lists.releaseLast();
                layerDone.accept(layer);
            }
            context.ops().embeddingBackward(context.stream(), batch.batch().tokens(), dResidual,
                    gradients.embedding());
            context.stream().synchronize();
            return lists.result(head.lossSum(), batch.batch().numTargets());
        }
    }

    /** Forward only; one layer's activations and two residual streams at a time. */
    MicroBatchResult evaluate(MicroBatch batch, DecoderWeights weights) {
        int layers = context.model().layers();
        try (LayerLists lists = new LayerLists()) {
            embed(batch, weights, residual(batch, 0));
            for (int layer = 0; layer < layers; layer++) {
                forwardLayer(batch, weights, layer, lists, prefix(0), residual(batch, layer % 2),
                        residual(batch, (layer + 1) % 2));
                lists.releaseLast();
            }
            head.forward(residual(batch, layers % 2), batch.batch().targets(), weights);
            return lists.result(head.lossSum(), batch.batch().numTargets());
        }
    }

    private void embed(MicroBatch batch, DecoderWeights weights, Tensor x) {
        context.ops().embedding(context.stream(), batch.batch().tokens(), weights.embedding(), x);
    }

    private void forwardLayer(MicroBatch batch, DecoderWeights weights, int layer, LayerLists lists, String prefix,
            Tensor x, Tensor out) {
        LayerWeights layerWeights = weights.layers().get(layer);
        AttentionActivations attentionAct = AttentionActivations.of(context, prefix, batch.numTokens());
        MlpActivations mlpAct = MlpActivations.of(context, prefix, batch.numTokens());
        attention.project(x, layerWeights, batch, attentionAct);
        lists.add(attention.route(batch, layer, attentionAct));
        attention.attend(x, layerWeights, lists.last(), attentionAct, mlpAct.mid());
        mlp.activate(layerWeights, mlpAct);
        mlp.project(layerWeights, mlpAct, out);
    }

    /** The forward again from the layer's input, with the lists of the first time; the layer's output is not needed. */
    private void recomputeLayer(MicroBatch batch, DecoderWeights weights, int layer, LayerLists lists) {
        LayerWeights layerWeights = weights.layers().get(layer);
        AttentionActivations attentionAct = AttentionActivations.of(context, prefix(layer), batch.numTokens());
        MlpActivations mlpAct = MlpActivations.of(context, prefix(layer), batch.numTokens());
        Tensor x = residual(batch, layer);
        attention.project(x, layerWeights, batch, attentionAct);
        attention.attend(x, layerWeights, lists.last(), attentionAct, mlpAct.mid());
        mlp.activate(layerWeights, mlpAct);
    }

    private void backwardLayer(MicroBatch batch, DecoderWeights weights, DecoderWeights gradients, int layer,
            LayerLists lists, Tensor dResidual) {
        LayerWeights layerWeights = weights.layers().get(layer);
        LayerWeights layerGradients = gradients.layers().get(layer);
        mlp.backward(layerWeights, layerGradients, MlpActivations.of(context, prefix(layer), batch.numTokens()),
                dResidual);
        attention.backward(residual(batch, layer), layerWeights, layerGradients, batch, lists.last(),
                AttentionActivations.of(context, prefix(layer), batch.numTokens()), dResidual);
    }

    /** Buffers of a layer's activations: each layer its own, or one set for all that are recomputed. */
    private String prefix(int layer) {
        return layer < context.model().recomputedLayers() ? "layer." : "layer." + layer + ".";
    }

    /** {@code [T,C]} input of a layer; one past the last layer, that one's output. */
    private Tensor residual(MicroBatch batch, int layer) {
        return context.workspace().activation("residual." + layer, batch.numTokens(), context.model().hidden());
    }
}
