package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.rank.RankWorker;
import java.util.List;
import java.util.Optional;

/** What the coordinator takes. */
public sealed interface ToCoordinator {
    /** From ranks and nodes, perhaps from another JVM. All may come twice, late or never. */
    sealed interface Remote extends ToCoordinator, WireMessage {}

    /** From the coordinator's own JVM: from its batcher, its balancer, its journal, its clock and its view of the cluster. */
    sealed interface Local extends ToCoordinator {}

    /**
     * A rank opened its device.
     *
     * @param address of the rank's actor
     * @param endpoint of its data plane
     * @param appliedStep last step in its parameters
     */
    record RankReady(MemberId member, String address, String endpoint, String description, long numParameters,
            long appliedStep) implements Remote {}

    /** A rank cannot go on with what it was doing. */
    record RankFailed(MemberId member, StepId id, String doing, FailureInfo failure) implements Remote {}

    /** A rank released its device; -1 open tensors if that failed. */
    record RankClosed(MemberId member, long openTensors) implements Remote {}

    /**
     * A rank has left everything older and waits for the generation to be complete.
     *
     * @param appliedStep last step in its parameters
     * @param applied what is needed to commit that step; empty if the rank never saw it run
     */
    record Joined(StepId id, MemberId member, long appliedStep, Optional<AppliedStep> applied) implements Remote {}

    /** A rank's parameters can be copied. */
    record StateOffered(StepId id, MemberId member, String digest) implements Remote {}

    /** A rank has copied parameters. */
    record StateCopied(StepId id, MemberId member, long step) implements Remote {}

    /** A rank is connected to the others of its generation. */
    record Activated(StepId id, MemberId member) implements Remote {}

    /** A rank reduced and updated. */
    record StepFinished(StepId id, int rank, RankWorker.StepEnd end, long idleNanos, long memoryBytes)
            implements
                Remote {}

    /** A rank evaluated its share of the held-out samples. */
    record RankEvaluated(StepId id, int rank, double lossSum, long numTargets) implements Remote {}

    /** A checkpoint is on disk. */
    record CheckpointSaved(StepId id, String path, String digest) implements Remote {}

    /** A rank obeys a coordinator of a later term: whoever is told this is no longer the coordinator. */
    record Superseded(MemberId member, StepId id) implements Remote {}

    /** A node wants to leave after the step. */
    record NodeLeaving(String node) implements Remote {}

    /** Finish the step, write a checkpoint, end. */
    record Stop() implements Remote {}

    /** All micro-batches of a step are done. */
    record StepBalanced(StepOutcome outcome) implements Local {}

    /** A step cannot be planned. */
    record PlanFailed(StepId id, String reason) implements Local {}

    /** Ranks that hold micro-batches of a step. */
    record LateRanks(StepId id, List<Integer> ranks) implements Local {
        /** Copies. */
        public LateRanks {
            ranks = List.copyOf(ranks);
        }
    }

    /** A rank's actor is gone without a word, or with its node. */
    record RankGone(MemberId member) implements Local {}

    /** Every node that can be reached has answered; they have so many ranks, not all of them ready perhaps. */
    record AllAnswered(int numRanks) implements Local {}

    /** A node is gone, or cannot be reached. */
    record NodeLost(String node, String why) implements Local {}

    /** The ledger holds the step. */
    record Committed(long step) implements Local {}

    /** The run directory could not take the step now; it may later. */
    record CommitDelayed(long step, FailureInfo failure) implements Local {}

    /** Something else was written. */
    record Journaled() implements Local {}

    /** The run directory could not be written. */
    record JournalFailed(String doing, FailureInfo failure) implements Local {}

    /** The ledger belongs to a coordinator of a later term. */
    record Fenced(long term) implements Local {}

    /** Time passes. */
    record Tick() implements Local {}
}
