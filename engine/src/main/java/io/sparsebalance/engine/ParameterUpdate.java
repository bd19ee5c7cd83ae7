package io.sparsebalance.engine;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.FlatState;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;

/** The end of a step: finite check, clipping by global norm, AdamW with decay on matrices only. */
final class ParameterUpdate {
    private final Stream stream;
    private final Ops ops;
    private final OptimizerConfig optimizer;
    private final TrainingState state;
    private final FlatState flat;

    ParameterUpdate(DecoderContext context, OptimizerConfig optimizer, TrainingState state) {
        this.stream = context.stream();
        this.ops = context.ops();
        this.optimizer = optimizer;
        this.state = state;
        this.flat = new FlatState(state.parameters(), state.gradients(), state.firstMoment(), state.secondMoment(),
                state.computeCopy(), state.layout().numMatrixElements());
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
        double learningRate = optimizer.learningRateAt(step);
        double gradientNorm = ops.clippedAdamW(stream, flat, new AdamWStep((float) learningRate, optimizer.beta1(),
                optimizer.beta2(), optimizer.epsilon(), optimizer.weightDecay()), step, optimizer.clipNorm());
        if (!Double.isFinite(gradientNorm)) {
            throw new NonFiniteGradientException(describeNonFinite(step));
        }
        return new UpdateResult(gradientNorm, learningRate);
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
