package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** What coordinator, balancer and batcher want done. Effects of one message are to be carried out in their order. */
public sealed interface Effect {
    /** Tell a rank, which may be in another JVM, or gone. */
    record TellRank(MemberId member, ToRank.Remote message) implements Effect {}

    /** Tell the balancer. */
    record TellBalancer(ToBalancer message) implements Effect {}

    /** Tell the batcher. */
    record TellBatcher(ToBatcher message) implements Effect {}

    /** Tell the coordinator. */
    record TellCoordinator(ToCoordinator message) implements Effect {}

    /** The first generation is complete: note the run's beginning. Answered by {@code Journaled} or {@code JournalFailed}. */
    record NoteStart(long numParameters) implements Effect {}

    /**
     * Commit a step: write it to the ledger, and only once it is there tell anybody. Answered by {@code Committed},
     * {@code CommitDelayed}, upon which it is wanted again, {@code JournalFailed} or {@code Fenced}.
     *
     * @param id of the step in the committing coordinator's term
     * @param ends of the ranks that told of it
     * @param stepNanos from the start of the step to its last update
     * @param skipped as of {@link CommittedStep}
     */
    record Commit(StepId id, StepOutcome outcome, Map<Integer, ToCoordinator.StepFinished> ends,
            OptionalDouble heldOutLoss,
            long stepNanos, int skipped) implements Effect {
        /** Copies. */
        public Commit {
            ends = Map.copyOf(ends);
        }
    }

    /** Note a checkpoint. Answered by {@code Journaled} or {@code JournalFailed}. */
    record NoteCheckpoint(long step, String path, String digest) implements Effect {}

    /** Tell the operator. */
    record Warn(String text) implements Effect {}

    /** A member is no more. */
    record Forget(MemberId member) implements Effect {}

    /**
     * The run is over.
     *
     * @param stopped whether it was asked to stop before its last step
     * @param leakedTensors of all ranks
     */
    record End(Optional<Failure> failure, boolean stopped, long leakedTensors) implements Effect {}

    /** Another coordinator has taken over: end without touching anything that is now its own. */
    record StepDown(long newerTerm) implements Effect {}

    /**
     * Why a run failed.
     *
     * @param what failed, on which rank, and what to do
     * @param cause if a part of the run told of one
     */
    record Failure(String what, Optional<FailureInfo> cause) {}
}
