package io.sparsebalance.engine;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;

/** The end of a step: finite check, clipping by global norm, AdamW with decay on matrices only. */
final class ParameterUpdate {
    private final Stream stream;
    private final Ops ops;
    private final OptimizerConfig optimizer;
    private final TrainingState state;

    ParameterUpdate(DecoderContext context, OptimizerConfig optimizer, TrainingState state) {
        this.stream = context.stream();
        this.ops = context.ops();
        this.optimizer = optimizer;
        this.state = state;
    }

    /**
     * Updates parameters and moments.
     *
     * @param step number of the update, from 1
     * @throws NonFiniteGradientException if the gradient holds NaN or infinity; nothing was changed
     */
    UpdateResult apply(long step) {
        if (step < 1) {
            throw new IllegalArgumentException("update " + step + ": updates are numbered from 1");
        }
        double gradientNorm = Math.sqrt(ops.sumOfSquares(stream, state.gradients()));
        if (!Double.isFinite(gradientNorm)) {
            throw new NonFiniteGradientException(describeNonFinite(step));
        }
        double learningRate = optimizer.learningRateAt(step);
        float gradientScale = gradientNorm > optimizer.clipNorm() ? (float) (optimizer.clipNorm() / gradientNorm) : 1;
        long numMatrixElements = state.layout().numMatrixElements();
        long numParameters = state.layout().numParameters();
        updateRange(0, numMatrixElements, settings(learningRate, optimizer.weightDecay()), step, gradientScale);
        updateRange(numMatrixElements, numParameters, settings(learningRate, 0), step, gradientScale);
        stream.synchronize();
        return new UpdateResult(gradientNorm, learningRate);
    }

    private AdamWStep settings(double learningRate, float weightDecay) {
        return new AdamWStep((float) learningRate, optimizer.beta1(), optimizer.beta2(), optimizer.epsilon(),
                weightDecay);
    }

    private void updateRange(long from, long to, AdamWStep settings, long step, float gradientScale) {
        Tensor copy = state.computeCopy();
        ops.adamW(stream, range(state.parameters(), from, to), range(state.gradients(), from, to),
                range(state.firstMoment(), from, to), range(state.secondMoment(), from, to),
                copy != null && to <= copy.size() ? range(copy, from, to) : null, settings, step, gradientScale);
    }

    private static Tensor range(Tensor flat, long from, long to) {
        return flat.view(from, to - from);
    }

    private String describeNonFinite(long step) {
        String where = state.layout().entries().stream()
                .filter(entry -> !Double.isFinite(
                        ops.sumOfSquares(stream, state.layout().view(state.gradients(), entry.name()))))
                .map(ParameterLayout.Entry::name).findFirst().orElse("no single weight");
        return "step " + step + ": the gradient holds NaN or infinity (first in " + where
                + "), or, with run.reduction=exact, a micro-batch's was 4194304 or more there. Parameters and"
                + " optimizer state are unchanged. Lower optimizer.learning-rate or lengthen optimizer.warmup-steps, and resume from the last checkpoint.";
    }
}
