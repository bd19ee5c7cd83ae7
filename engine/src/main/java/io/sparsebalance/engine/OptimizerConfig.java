package io.sparsebalance.engine;

/**
 * AdamW with linear warm-up and cosine decay.
 *
 * @param learningRate peak
 * @param minimumRatio last learning rate / peak
 * @param warmupSteps steps from 0 to the peak
 * @param totalSteps step at which the minimum is reached
 * @param weightDecay on matrices, not on norms
 * @param clipNorm gradients with a larger global norm are scaled down to it
 */
public record OptimizerConfig(double learningRate, double minimumRatio, int warmupSteps, int totalSteps, float beta1,
        float beta2, float epsilon, float weightDecay, double clipNorm) {
    /** Learning rate of an update, numbered from 1. */
    public double learningRateAt(long step) {
        if (warmupSteps > 0 && step <= warmupSteps) {
            return learningRate * step / warmupSteps;
        }
        double progress = Math.min(1.0, (double) (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
        double cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
        return learningRate * (minimumRatio + (1 - minimumRatio) * cosine);
    }
}
