package io.sparsebalance.policies.batching;

/**
 * One training example as the batching policies see it.
 *
 * @param id unique within a data set
 * @param length tokens, at least 1
 */
public record Sample(long id, int length) {}
