package io.sparsebalance.kernels;

/**
 * Coefficients of one AdamW update.
 *
 * @param learningRate after the schedule
 * @param weightDecay decoupled; 0 for norms
 */
public record AdamWStep(float learningRate, float beta1, float beta2, float epsilon, float weightDecay) {
    /** The same for elements that do not decay. */
    public AdamWStep withoutDecay() {
        return new AdamWStep(learningRate, beta1, beta2, epsilon, 0);
    }
}
