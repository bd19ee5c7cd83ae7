package io.sparsebalance.engine;

/**
 * What an optimizer update did.
 *
 * @param gradientNorm global norm before clipping
 * @param learningRate used
 */
public record UpdateResult(double gradientNorm, double learningRate) {}
