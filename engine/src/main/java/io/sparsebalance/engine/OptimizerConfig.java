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
    /** Checks the ranges. */
    public OptimizerConfig {
        require(learningRate >= 0 && Double.isFinite(learningRate), "learningRate", learningRate, "finite, at least 0");
        require(minimumRatio >= 0 && minimumRatio <= 1, "minimumRatio", minimumRatio, "between 0 and 1");
        require(warmupSteps >= 0, "warmupSteps", warmupSteps, "at least 0");
        require(totalSteps >= 1, "totalSteps", totalSteps, "at least 1");
        require(beta1 >= 0 && beta1 < 1, "beta1", beta1, "in [0, 1)");
        require(beta2 >= 0 && beta2 < 1, "beta2", beta2, "in [0, 1)");
        require(epsilon > 0 && Float.isFinite(epsilon), "epsilon", epsilon, "finite, above 0");
        require(weightDecay >= 0 && Float.isFinite(weightDecay), "weightDecay", weightDecay, "finite, at least 0");
        require(clipNorm > 0, "clipNorm", clipNorm, "above 0 (infinity turns clipping off)");
    }

    /** Learning rate of an update, numbered from 1. */
    public double learningRateAt(long step) {
        if (warmupSteps > 0 && step <= warmupSteps) {
            return learningRate * step / warmupSteps;
        }
        double progress = Math.min(1.0, (double) (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
        double cosine = 0.5 * (1 + Math.cos(Math.PI * progress));
        return learningRate * (minimumRatio + (1 - minimumRatio) * cosine);
    }

    private static void require(boolean condition, String name, double value, String range) {
        if (!condition) {
            throw new IllegalArgumentException("optimizer: " + name + " " + value + " must be " + range);
        }
    }
}
