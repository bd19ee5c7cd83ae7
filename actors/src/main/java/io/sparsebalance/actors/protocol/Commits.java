package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import java.util.Optional;

/**
 * The step that is being written to the ledger, at most one. A full disk is no reason to lose what was trained: the step is written
 * again until it is there, for as long as a step may take, and the ranks wait with the next one applied by none. Owned by
 * {@link CoordinatorLogic}.
 */
final class Commits {
    private final RunState s;
    private final Ending ending;
    /** The last one. */
    private Effect.Commit commit;
    private long begunAt;
    /** When to try again; empty if nobody has to. */
    private Optional<Long> againAt = Optional.empty();
    /** Why it is not there yet, if that is known. */
    private Optional<FailureInfo> failure = Optional.empty();

    Commits(RunState state, Ending ending) {
        this.s = state;
        this.ending = ending;
    }

    void begin(Effect.Commit effect) {
        commit = effect;
        begunAt = s.now;
        failure = Optional.empty();
        s.committing = effect.id().step();
        s.pendingJournal++;
        s.effects.add(effect);
    }

    void onCommitted(ToCoordinator.Committed fact) {
        s.pendingJournal--;
        s.committed = Math.max(s.committed, fact.step());
        s.recoveries = 0;
        if (failure.isPresent()) {
            s.effects.add(new Effect.Warn("step " + fact.step() + " is committed, after "
                    + RunState.seconds(s.now - begunAt) + " s: the run goes on"));
        }
    }

    void onDelayed(ToCoordinator.CommitDelayed fact) {
        if (failure.isEmpty()) {
            s.effects
                    .add(new Effect.Warn("step " + fact.step() + " cannot be committed now: " + fact.failure().message()
                            + ". Nothing is lost; the run waits for it, at most "
                            + RunState.seconds(s.settings.patience().stepNanos()) + " s"));
        }
        failure = Optional.of(fact.failure());
        if (left() > 0) {
            againAt = Optional.of(s.now + s.settings.patience().repeatNanos());
        } else {
            s.pendingJournal--;
            giveUp();
            ending.endIfDone();
        }
    }

    private long left() {
        return begunAt + s.settings.patience().stepNanos() - s.now;
    }

    private void giveUp() {
        long seconds = RunState.seconds(s.now - begunAt);
        ending.fail(failure
                .map(last -> "the run directory failed while committing step " + s.committing + ", again and again for "
                        + seconds + " s: " + last.message())
                .orElse("step " + s.committing + " was not written to the ledger within " + seconds
                        + " s: the disk of run.directory is stuck"),
                failure);
    }

    /** Whether the last step that was applied is not in the ledger yet. */
    boolean isLate() {
        return s.committing > s.committed;
    }

    /** Writes again what could not be written, when it is time. */
    void onTick() {
        if (againAt.isPresent() && s.now - againAt.get() >= 0) {
            againAt = Optional.empty();
            s.effects.add(commit);
        }
    }

    /** Something waits for the ledger, and for nobody else: gives the run up if that takes too long. */
    void onDeadline() {
        if (left() > 0) {
            s.await(left());
        } else {
            giveUp();
        }
    }
}
