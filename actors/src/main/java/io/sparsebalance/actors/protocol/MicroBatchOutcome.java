package io.sparsebalance.actors.protocol;

import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.util.List;

/**
 * One micro-batch that was run.
 *
 * @param rank that ran it
 * @param budgets it ran with
 * @param busyNanos on the device thread
 * @param gcNanos garbage-collection pauses of the JVM meanwhile
 */
public record MicroBatchOutcome(int microBatch, int rank, Budgets budgets, long busyNanos, long gcNanos,
        MicroBatchResult result) {
    /** The same without what the rank sampled of coverage. */
    public MicroBatchOutcome withoutSamples() {
        return new MicroBatchOutcome(microBatch, rank, budgets, busyNanos, gcNanos,
                new MicroBatchResult(result.lossSum(), result.numTargets(), result.selectedPairs(),
                        result.causalPairs(), List.of()));
    }
}
