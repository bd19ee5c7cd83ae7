package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.policies.step.LearnedBytes;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Who takes part: forms generations, and forms another when a member is lost, leaves or comes. */
final class Generations {
    private final RunState s;
    private final Ending ending;
    private final NonFinite nonFinite;
    private Steps steps;
    private Waiting waiting;

    Generations(RunState state, Ending ending, NonFinite nonFinite) {
        this.s = state;
        this.ending = ending;
        this.nonFinite = nonFinite;
    }

    void meet(Steps theSteps, Waiting theWaiting) {
        this.steps = theSteps;
        this.waiting = theWaiting;
    }

    void onRankReady(ToCoordinator.RankReady fact) {
        if (s.phase == RunState.Phase.CLOSING) {
            ending.onLateMember(fact.member());
            return;
        }
        boolean news = s.roll.add(fact);
        if (news && s.phase == RunState.Phase.FORMING) {
            formIfEnough();
        }
    }

    void onAllAnswered(ToCoordinator.AllAnswered fact) {
        s.present = OptionalInt.of(fact.numRanks());
        if (s.phase == RunState.Phase.FORMING) {
            formIfEnough();
        }
    }

    void formIfEnough() {
        if (s.stopRequested && s.roll.all().isEmpty()) {
            ending.close();
            return;
        }
        if (s.roll.isEveryoneLeaving() || (s.stopRequested && !s.started)) {
            ending.close();
        } else if (s.roll.staying().size() >= s.needed()) {
            form();
        }
    }

    /** Begins a generation of all that are there. */
    void form() {
        letGo();
        s.phase = RunState.Phase.JOINING;
        s.id = s.id.withGeneration(s.id.generation() + 1);
        s.assembly = new Assembly(s.id, s.roll.staying());
        s.active = List.of();
        s.await(s.settings.patience().joinNanos());
        waiting.askAgain();
    }

    boolean isForming(StepId of) {
        return s.phase == RunState.Phase.JOINING && of.sameGeneration(s.assembly.id());
    }

    void advance(boolean news) {
        if (!news) {
            return;
        }
        Optional<String> mismatch = s.assembly.mismatch();
        if (mismatch.isPresent()) {
            ending.fail(mismatch.get(), Optional.empty());
        } else if (s.assembly.topStep() > s.committing + 1) {
            ending.fail("ranks hold step " + s.assembly.topStep() + ", but the ledger ends at step " + s.committing
                    + ": it was changed or is of another run", Optional.empty());
        } else if (s.assembly.isComplete()) {
            begin();
        } else {
            s.await(s.settings.patience().joinNanos());
            waiting.askAgain();
        }
    }

    /** The generation is complete. */
    private void begin() {
        s.active = s.assembly.members();
        s.applied = s.assembly.topStep();
        s.plannedUpTo = s.applied;
        s.id = s.id.withStep(s.applied);
        s.effects.add(new Effect.TellBalancer(new ToBalancer.BeginGeneration(s.id, s.active, learned(),
                s.history.budgetsAfter(s.applied))));
        if (s.applied > s.committing) {
            boolean known = s.open != null && s.open.id().step() == s.applied && !s.open.finished().isEmpty();
            if (!known && s.assembly.applied().isEmpty()) {
                ending.fail("step " + s.applied + " is in the ranks' parameters, and nobody knows what it was made of",
                        Optional.empty());
                return;
            }
            s.open = known
                    ? s.open.in(s.id, s.active.size())
                    : OpenStep.found(s.id, s.active.size(), s.now, s.assembly.applied().get());
        }
        if (!s.started) {
            s.started = true;
            s.pendingJournal++;
            s.effects.add(new Effect.NoteStart(parameters()));
        }
        steps.proceed();
    }

    /**
     * What the balancer had learned by the step that the members hold: they know, if they ran it or copied it; the ledger does, if
     * they read it from a checkpoint.
     */
    private LearnedBytes learned() {
        Optional<StepOutcome> outcome = s.assembly.applied().map(AppliedStep::outcome)
                .or(() -> Optional.ofNullable(s.open).filter(open -> open.id().step() == s.applied)
                        .map(OpenStep::outcome));
        return outcome.map(StepOutcome::learned)
                .orElseGet(() -> s.history.learned(s.applied));
    }

    private long parameters() {
        return s.roll.staying().values().stream().mapToLong(ToCoordinator.RankReady::numParameters).max().orElse(0);
    }

    void onNodeLost(ToCoordinator.NodeLost fact) {
        List<MemberId> gone = s.roll.removeNode(fact.node());
        gone.forEach(member -> s.effects.add(new Effect.Forget(member)));
        if (s.phase == RunState.Phase.CLOSING) {
            ending.onNodeLost(fact.node());
        } else if (gone.stream().anyMatch(this::takesPart)) {
            recover("node " + fact.node() + " is lost: " + fact.why(), Optional.empty());
        }
    }

    private boolean takesPart(MemberId member) {
        return s.active.contains(member) || (s.phase == RunState.Phase.JOINING && s.assembly.has(member));
    }

    void onStop() {
        s.stopRequested = true;
        if (s.phase == RunState.Phase.FORMING) {
            formIfEnough();
        }
    }

    void onNodeLeaving(ToCoordinator.NodeLeaving fact) {
        s.roll.leave(fact.node());
        if (s.phase == RunState.Phase.FORMING) {
            letGo();
        }
    }

    private void letGo() {
        for (MemberId member : s.roll.goodbyes()) {
            dismiss(member, "its node leaves", false);
        }
    }

    void onRankFailed(ToCoordinator.RankFailed fact) {
        FailureInfo info = fact.failure();
        String what = s.name(fact.member()) + " failed while " + fact.doing() + ": " + info.message();
        if (info.kind() == FailureKind.NON_FINITE) {
            onNonFinite(fact, what);
            return;
        }
        if (s.isOpen(RunState.Phase.SAVING, fact.id()) && info.kind() == FailureKind.INPUT_OUTPUT) {
            onCheckpointFailed(what, info);
            return;
        }
        if (!s.settings.membership().elastic() || isEveryonesFailure(info) || (!s.started && !s.roll.all().contains(
                fact.member()))) {
            ending.fail(what, Optional.of(info));
            return;
        }
        boolean stays = info.kind().isPassing();
        // What is only in the way of a generation that is over is nobody's concern.
        boolean hurts = takesPart(fact.member()) && (!stays || fact.id().sameGeneration(s.id));
        if (!stays) {
            dismiss(fact.member(), what, true);
        }
        if (hurts) {
            recover(what, Optional.of(info));
        }
    }

    /** A member has ended without a word. */
    void onRankGone(ToCoordinator.RankGone fact) {
        onRankFailed(new ToCoordinator.RankFailed(fact.member(), new StepId(s.settings.runId(), 0, 0, 0), "running",
                new FailureInfo(FailureKind.DEVICE_LOST, "its actor ended", "")));
        if (s.phase == RunState.Phase.CLOSING) {
            ending.onRankGone(fact.member());
        }
    }

    private void onCheckpointFailed(String what, FailureInfo info) {
        if (steps.onCheckpointFailed(what)) {
            formAgain(what);
        } else {
            ending.fail(what, Optional.of(info));
        }
    }

    /** All ranks reduce the same gradient: the first that tells is enough, and what the others tell is of an older generation. */
    private void onNonFinite(ToCoordinator.RankFailed fact, String what) {
        if (!s.isOpen(RunState.Phase.STEPPING, fact.id())) {
            return;
        }
        Optional<String> end = nonFinite.found();
        if (end.isPresent()) {
            ending.fail(what + ". " + end.get(), Optional.of(fact.failure()));
        } else {
            formAgain(what + "; it is run again");
        }
    }

    /** What would happen to every rank that did the same. */
    private static boolean isEveryonesFailure(FailureInfo info) {
        return switch (info.kind()) {
            case DATA, CONFIGURATION -> true;
            case OTHER, NON_FINITE, COLLECTIVE, INPUT_OUTPUT, DEVICE_MEMORY, DEVICE_LOST, HEAP_MEMORY -> false;
        };
    }

    void dismiss(MemberId member, String reason, boolean again) {
        s.roll.remove(member);
        s.effects.add(new Effect.TellRank(member, new ToRank.Shutdown(s.settings.term(), reason, again)));
    }

    /** Goes on without what is lost; the open step is run again, or committed if somebody has applied it. */
    void recover(String why, Optional<FailureInfo> cause) {
        if (!s.settings.membership().elastic()) {
            ending.fail(why, cause);
            return;
        }
        if (s.phase == RunState.Phase.CLOSING) {
            // Members that end when they are told to, or because others do, are no reason to begin again.
            return;
        }
        s.recoveries++;
        if (s.recoveries > s.settings.membership().maxRecoveries()) {
            ending.fail("step " + (s.committed + 1) + " was not committed in " + s.settings.membership().maxRecoveries()
                    + " generations in a row; the last failure: " + why, cause);
            return;
        }
        formAgain(why);
    }

    private void formAgain(String why) {
        s.effects.add(
                new Effect.Warn("generation " + s.id.generation() + " ends after step " + s.committing + ": " + why));
        s.phase = RunState.Phase.FORMING;
        s.active = List.of();
        s.assembly = null;
        s.await(s.settings.patience().formNanos());
        formIfEnough();
    }
}
