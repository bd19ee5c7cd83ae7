package io.sparsebalance.actors.training;

import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;

/**
 * One micro-batch that was run.
 *
 * @param rank that ran it
 * @param budgets it ran with
 * @param busyNanos on the device thread
 * @param gcNanos garbage-collection pauses of the JVM meanwhile
 */
public record MicroBatchOutcome(int microBatch, int rank, Budgets budgets, long busyNanos, long gcNanos,
        MicroBatchResult result) {}
