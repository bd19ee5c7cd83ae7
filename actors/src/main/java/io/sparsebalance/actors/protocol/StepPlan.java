package io.sparsebalance.actors.protocol;

import io.sparsebalance.data.SampleRef;
import java.util.List;

/**
 * Micro-batches of one step and the ranks they are meant for.
 *
 * @param firstPosition of the step's samples in the sample order
 * @param microBatches samples of each micro-batch
 * @param rankOf rank of each micro-batch
 * @param planNanos time that batching took
 */
public record StepPlan(StepId id, long firstPosition, List<List<SampleRef>> microBatches, List<Integer> rankOf,
        long planNanos) {
    /** Copies. */
    public StepPlan {
        microBatches = microBatches.stream().map(List::copyOf).toList();
        rankOf = List.copyOf(rankOf);
    }

    /** Document lengths of a micro-batch. */
    public List<Integer> lengths(int microBatch) {
        return microBatches.get(microBatch).stream().map(SampleRef::length).toList();
    }

    /** Tokens of the step. */
    public long numTokens() {
        return microBatches.stream().flatMap(List::stream).mapToLong(SampleRef::length).sum();
    }

    /** Positions that predict something: all but the last of each sample. */
    public long numTargets() {
        return microBatches.stream().flatMap(List::stream).mapToLong(sample -> sample.length() - 1L).sum();
    }
}
