package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.ValueLayout;

/**
 * Final norm, output product and cross-entropy, in chunks of rows, so that logits of all tokens never exist at once. With
 * gradients, each chunk goes forward and backward before the next begins, and its logits become their own gradient.
 */
final class LossHead {
    /** Bytes of one chunk's logits: large enough for an efficient product, small beside the activations. */
    static final long CHUNK_BYTES = 16L << 20;
    private static final long MINIMUM_ROWS = 64;

    private final DecoderContext context;
    private final long chunkRows;

    LossHead(DecoderContext context, long chunkBytes) {
        this.context = context;
        this.chunkRows = Math.max(MINIMUM_ROWS, chunkBytes / Float.BYTES / context.model().vocabulary());
    }

    /** Sum of the losses, nats. {@code x[T,C]} is the last layer's output, {@code targets[T]} I32. */
    double forward(Tensor x, Tensor targets, DecoderWeights weights) {
        return run(x, targets, weights, null, 0, null);
    }

    /**
     * Forward and backward.
     *
     * @param gradients added to
     * @param lossScale gradient of the total loss by this batch's loss sum
     * @param dx {@code [T,C]} written: gradient of {@code x}
     * @return sum of the losses, nats
     */
    double forwardBackward(Tensor x, Tensor targets, DecoderWeights weights, DecoderWeights gradients, float lossScale,
            Tensor dx) {
        context.ops().fill(context.stream(), dx, 0);
        return run(x, targets, weights, gradients, lossScale, dx);
    }

    private double run(Tensor x, Tensor targets, DecoderWeights weights, DecoderWeights gradients, float lossScale,
            Tensor dx) {
        Workspace workspace = context.workspace();
        int hidden = context.model().hidden();
        int vocabulary = context.model().vocabulary();
        long numTokens = targets.size();
        long rowsAtOnce = Math.min(chunkRows, numTokens);
        Tensor lossSum = workspace.tensor(DType.F64, "loss.sum", 1);
        lossSum.segment().set(ValueLayout.JAVA_DOUBLE, 0, 0);
        // The largest chunk first, so that the shorter last one fits into the same buffers.
        for (long row = 0; row < numTokens; row += rowsAtOnce) {
            long rows = Math.min(rowsAtOnce, numTokens - row);
            Tensor normed = workspace.f32("loss.normed", rows, hidden);
            Tensor rstd = workspace.f32("loss.rstd", rows);
            Tensor logits = workspace.f32("loss.logits", rows, vocabulary);
            Tensor xRows = x.view(row * hidden, rows, hidden);
            context.rmsNorm(xRows, weights.finalNorm(), normed, rstd);
            // The output matrix is [V,C], so logits are a product with its transpose.
            context.inputGradient(normed, weights.output(), logits);
            context.ops().crossEntropy(context.stream(), logits, targets.view(row, rows), lossScale, lossSum);
            if (gradients != null) {
                context.addWeightGradient(logits, normed, gradients.output());
                Tensor dNormed = workspace.f32("loss.normed.gradient", rows, hidden);
                context.product(logits, weights.output(), dNormed);
                context.rmsNormBackward(dNormed, xRows, weights.finalNorm(), rstd,
                        dx.view(row * hidden, rows, hidden), gradients.finalNorm());
            }
        }
        context.stream().synchronize();
        return lossSum.segment().get(ValueLayout.JAVA_DOUBLE, 0);
    }
}
