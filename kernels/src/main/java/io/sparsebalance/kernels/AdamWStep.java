package io.sparsebalance.kernels;

/**
 * Coefficients of one AdamW update.
 *
 * @param learningRate after the schedule
 * @param weightDecay decoupled; 0 for norms
 */
public record AdamWStep(float learningRate, float beta1, float beta2, float epsilon, float weightDecay) {}
