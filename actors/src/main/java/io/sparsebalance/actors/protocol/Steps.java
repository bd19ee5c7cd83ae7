package io.sparsebalance.actors.protocol;

import java.util.Optional;
import java.util.Set;

/** One step after the other: runs it, commits it, evaluates and checkpoints when that is due. */
final class Steps {
    private final RunState s;
    private final Ending ending;
    private final Commits commits;
    private final NonFinite nonFinite;
    private Generations generations;
    private Waiting waiting;

    Steps(RunState state, Ending ending, Commits commits, NonFinite nonFinite) {
        this.s = state;
        this.ending = ending;
        this.commits = commits;
        this.nonFinite = nonFinite;
    }

    void meet(Generations theGenerations, Waiting theWaiting) {
        this.generations = theGenerations;
        this.waiting = theWaiting;
    }

    /** All active ranks have applied the same step: what is due after it, and then the next. */
    void proceed() {
        if (s.applied > s.committing) {
            if (s.settings.evaluation().isDue(s.applied, s.settings.numSteps()) && !s.open.unevaluated().isEmpty()) {
                s.phase = RunState.Phase.EVALUATING;
                s.await(s.pace.deadlineNanos(false));
                waiting.askAgain();
                return;
            }
            commit();
        }
        boolean last = isLast();
        boolean failed = s.leftOut == s.applied;
        if ((!failed || last) && s.saved < s.applied && s.applied >= s.committed
                && s.settings.checkpoint().isDue(s.applied, last)) {
            s.phase = RunState.Phase.SAVING;
            s.history.checkpoint(s.applied);
            s.await(s.pace.deadlineNanos(false));
            if (failed) {
                s.repeatAt = s.now + s.settings.patience().repeatNanos();
            } else {
                waiting.askAgain();
            }
        } else if (last) {
            ending.close();
        } else if (!s.roll.staying().keySet().equals(Set.copyOf(s.active))) {
            generations.form();
        } else {
            startStep();
        }
    }

    private boolean isLast() {
        return s.applied >= s.settings.numSteps() || s.stopRequested || s.roll.isEveryoneLeaving();
    }

    private void commit() {
        StepOutcome outcome = s.open.outcome();
        int skipped = s.open.isSkipped() ? s.history.skipped(s.applied - 1) + 1 : 0;
        if (skipped > 0) {
            s.effects
                    .add(new Effect.Warn("step " + s.applied + " is skipped: its gradient held NaN or infinity, twice; "
                            + skipped + " in a row, of optimizer.max-skipped-steps = " + s.settings.maxSkipped()));
        }
        s.history.add(s.applied, new CommittedStep(s.open.checksum(),
                outcome.outcomes().stream().map(MicroBatchOutcome::budgets).toList(), outcome.learned(), skipped));
        commits.begin(new Effect.Commit(s.id, outcome, s.open.finished(), s.open.heldOutLoss(), s.pace.lastStepNanos(),
                skipped));
    }

    private void startStep() {
        s.phase = RunState.Phase.STEPPING;
        s.id = s.id.withStep(s.applied + 1);
        s.open = new OpenStep(s.id, s.active.size(), s.now);
        s.effects.add(new Effect.TellBalancer(new ToBalancer.StartStep(s.id)));
        long last = Math.min(s.settings.numSteps(), s.id.step() + s.settings.plansAhead() - 1L);
        if (last > s.plannedUpTo) {
            s.effects.add(new Effect.TellBatcher(
                    new ToBatcher.PlanSteps(s.id.withStep(s.plannedUpTo + 1), last, s.active.size())));
            s.plannedUpTo = last;
        }
        s.await(s.pace.deadlineNanos(true));
    }

    void onStepBalanced(ToCoordinator.StepBalanced fact) {
        if (s.isOpen(RunState.Phase.STEPPING, fact.outcome().id()) && s.open.balanced(fact.outcome())) {
            endStep();
        }
    }

    /** Lets the ranks apply the step, once nothing before it can be lost any more. */
    void endStep() {
        if (s.phase == RunState.Phase.STEPPING && s.open.outcome() != null && s.committed >= s.open.id().step() - 1) {
            ToRank.FinishStep finish = new ToRank.FinishStep(s.id, s.open.outcome().withoutSamples(),
                    nonFinite.update());
            for (int rank : s.open.unfinished()) {
                s.effects.add(new Effect.TellRank(s.active.get(rank), finish));
            }
        }
    }

    /** Has a checkpoint written, of a step that is in the ledger: whoever begins from it must know what it is. */
    void save() {
        if (s.committed >= s.applied) {
            s.effects.add(new Effect.TellRank(s.active.getFirst(),
                    new ToRank.SaveCheckpoint(s.id, s.settings.checkpoint().directory())));
        }
    }

    void onCommitted(ToCoordinator.Committed fact) {
        commits.onCommitted(fact);
        if (s.phase == RunState.Phase.SAVING) {
            save();
        }
        endStep();
        ending.endIfDone();
    }

    void onStepFinished(ToCoordinator.StepFinished fact) {
        if (!s.isOpen(RunState.Phase.STEPPING, fact.id()) || !s.open.note(fact) || !s.open.unfinished().isEmpty()) {
            return;
        }
        Optional<String> mismatch = s.open.mismatch().or(this::ledgerMismatch);
        if (mismatch.isPresent()) {
            ending.fail("step " + s.id.step() + ": " + mismatch.get(), Optional.empty());
            return;
        }
        s.pace.stepEnded(s.now - s.open.startNanos());
        s.applied = s.id.step();
        proceed();
    }

    /** A committed step that was run again must end as it did. */
    private Optional<String> ledgerMismatch() {
        Long expected = s.history.checksum(s.id.step());
        return expected == null || expected == s.open.checksum()
                ? Optional.empty()
                : Optional
                        .of(String.format("run again, it ended in parameters %08x, where the ledger has"
                                + " %08x; with run.reduction = exact, and all nodes alike, it would not: compare devices, versions"
                                + " and configuration", s.open.checksum(), expected));
    }

    void onRankEvaluated(ToCoordinator.RankEvaluated fact) {
        if (s.isOpen(RunState.Phase.EVALUATING, fact.id()) && s.open.note(fact) && s.open.unevaluated().isEmpty()) {
            proceed();
        }
    }

    /**
     * A full disk is no reason not to train: the next checkpoint is written when it is due. Only the last one must be, and is
     * tried again for as long as a step may take; false if that is over.
     */
    boolean onCheckpointFailed(String what) {
        boolean last = isLast();
        if (s.leftOut != s.applied) {
            s.leftOut = s.applied;
            s.leftOutAt = s.now;
            s.effects.add(new Effect.Warn("there is no checkpoint of step " + s.applied + ", and the run goes on: "
                    + (last ? "it is tried again: " : "") + what));
        }
        return !last || s.now - s.leftOutAt < s.settings.patience().stepNanos();
    }

    void onCheckpointSaved(ToCoordinator.CheckpointSaved fact) {
        if (s.isOpen(RunState.Phase.SAVING, fact.id()) && s.saved < fact.id().step()) {
            s.saved = fact.id().step();
            s.pendingJournal++;
            s.effects.add(new Effect.NoteCheckpoint(s.saved, fact.path(), fact.digest()));
            proceed();
        }
    }
}
