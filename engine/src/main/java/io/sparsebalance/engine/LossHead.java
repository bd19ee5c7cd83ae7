package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Final norm, output product and cross-entropy, in chunks of rows, so that logits of all tokens never exist at once. With
 * gradients, each chunk goes forward and backward before the next begins, and its logits become their own gradient.
 */
final class LossHead {
    private static final long MINIMUM_ROWS = 64;

    private final DecoderContext context;
    private final long chunkRows;

    LossHead(DecoderContext context, long chunkBytes) {
        this.context = context;
        this.chunkRows = Math.max(MINIMUM_ROWS,
                chunkBytes / context.workspace().activationBytes() / context.model().vocabulary());
    }

    /** {@code x[T,C]} is the last layer's output, {@code targets[T]} I32; {@link #lossSum} has the result. */
    void forward(Tensor x, Tensor targets, DecoderWeights weights) {
        run(x, targets, weights, null, 0, null);
    }

    /**
     * Forward and backward; {@link #lossSum} has the result.
     *
     * @param gradients added to
     * @param lossScale gradient of the total loss by this batch's loss sum
     * @param dx {@code [T,C]} written: gradient of {@code x}
     */
    void forwardBackward(Tensor x, Tensor targets, DecoderWeights weights, DecoderWeights gradients, float lossScale,
            Tensor dx) {
        context.ops().fill(context.stream(), dx, 0);
        run(x, targets, weights, gradients, lossScale, dx);
    }

    /** Sum of the losses of the last run, nats. Waits for the device, so it is best asked when all else has been given to it. */
    double lossSum() {
        double[] sum = new double[1];
        context.workspace().tensor(DType.F64, "loss.sum", 1).download(MemorySegment.ofArray(sum));
        return sum[0];
    }

    private void run(Tensor x, Tensor targets, DecoderWeights weights, DecoderWeights gradients, float lossScale,
            Tensor dx) {
        Workspace workspace = context.workspace();
        int hidden = context.model().hidden();
        int vocabulary = context.model().vocabulary();
        long numTokens = targets.size();
        long rowsAtOnce = Math.min(chunkRows, numTokens);
        Tensor lossSum = workspace.tensor(DType.F64, "loss.sum", 1);
        context.ops().fill(context.stream(), lossSum, 0);
        // The largest chunk first, so that the shorter last one fits into the same buffers.
        for (long row = 0; row < numTokens; row += rowsAtOnce) {
            long rows = Math.min(rowsAtOnce, numTokens - row);
            Tensor normed = workspace.activation("loss.normed", rows, hidden);
            Tensor rstd = workspace.f32("loss.rstd", rows);
            Tensor logits = workspace.activation("loss.logits", rows, vocabulary);
            Tensor xRows = x.view(row * hidden, rows, hidden);
            context.rmsNorm(xRows, weights.finalNorm(), normed, rstd);
            // The output matrix is [V,C], so logits are a product with its transpose.
            context.inputGradient(normed, weights.output(), logits);
            context.ops().crossEntropy(context.stream(), logits, targets.view(row, rows), lossScale, lossSum);
            if (gradients != null) {
                context.addWeightGradient(logits, normed, gradients.output());
                Tensor dNormed = workspace.activation("loss.normed.gradient", rows, hidden);
                context.product(logits, weights.output(), dNormed);
                context.rmsNormBackward(dNormed, xRows, weights.finalNorm(), rstd,
                        dx.view(row * hidden, rows, hidden), gradients.finalNorm());
            }
        }
    }
}
