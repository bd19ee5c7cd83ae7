package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The end of a run: devices are released, what was committed is written, and the first failure is the one that is told. */
final class Ending {
    private final RunState s;
    private final Set<MemberId> closing = new TreeSet<>();
    private Optional<Effect.Failure> failure = Optional.empty();
    private long leakedTensors;
    private Waiting waiting;

    Ending(RunState state) {
        this.s = state;
    }

    void meet(Waiting theWaiting) {
        this.waiting = theWaiting;
    }

    /** Has a member release its device that came when the run was ending already. */
    void onLateMember(MemberId member) {
        if (closing.add(member)) {
            s.effects.add(new Effect.TellRank(member, shutdown("the run is ending")));
        }
    }

    void onNodeLost(String node) {
        closing.removeIf(member -> member.node().equals(node));
        endIfDone();
    }

    /** Tells everybody once more. */
    void askAgain() {
        closing.forEach(member -> s.effects.add(new Effect.TellRank(member, shutdown("the run ended"))));
    }

    private ToRank.Shutdown shutdown(String reason) {
        return new ToRank.Shutdown(s.settings.term(), reason, false);
    }

    /** A member has ended without a word: whatever it held is released. */
    void onRankGone(MemberId member) {
        closing.remove(member);
        endIfDone();
    }

    void onDeadline() {
        String what = (closing.isEmpty()
                ? "the run directory was not written"
                : s.names(closing) + " did not release its device") + " within "
                + RunState.seconds(s.settings.patience().closeNanos()) + " s";
        s.effects.add(new Effect.Warn(what));
        failure = failure.or(() -> Optional.of(new Effect.Failure(what, Optional.empty())));
        end();
    }

    void fail(String what, Optional<FailureInfo> cause) {
        // What fails after the first failure follows from it, unless the run was ending well.
        failure = failure.or(() -> Optional.of(new Effect.Failure(what, cause)));
        if (s.phase != RunState.Phase.CLOSING) {
            close();
        }
    }

    void close() {
        s.phase = RunState.Phase.CLOSING;
        closing.addAll(s.roll.all());
        closing.addAll(s.settings.membership().known());
        s.await(s.settings.patience().closeNanos());
        waiting.askAgain();
        endIfDone();
    }

    void onRankClosed(ToCoordinator.RankClosed fact) {
        leakedTensors += Math.max(0, fact.openTensors());
        s.roll.remove(fact.member());
        s.effects.add(new Effect.Forget(fact.member()));
        if (s.phase == RunState.Phase.CLOSING) {
            closing.remove(fact.member());
            endIfDone();
        }
    }

    /** The run has ended when every device is released and every committed step is written, or could not be. */
    void endIfDone() {
        if (s.phase == RunState.Phase.CLOSING && closing.isEmpty() && s.pendingJournal == 0) {
            end();
        }
    }

    private void end() {
        s.phase = RunState.Phase.ENDED;
        s.effects.add(new Effect.End(failure, s.committed < s.settings.numSteps() && failure.isEmpty(), leakedTensors));
    }

    void stepDown(long newerTerm) {
        s.phase = RunState.Phase.ENDED;
        s.effects.add(new Effect.StepDown(newerTerm));
    }
}
