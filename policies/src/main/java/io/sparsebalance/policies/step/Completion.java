package io.sparsebalance.policies.step;

/**
 * A micro-batch that a rank has run.
 *
 * @param rank that ran it
 * @param busyNanos on the device, garbage-collection pauses included
 * @param gcNanos of garbage-collection pauses meanwhile
 */
public record Completion(int microBatch, int rank, long busyNanos, long gcNanos) {}
