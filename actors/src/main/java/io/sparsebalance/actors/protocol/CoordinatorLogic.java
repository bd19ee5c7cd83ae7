package io.sparsebalance.actors.protocol;

import java.util.List;
import java.util.Optional;

/**
 * Owns the run: forms generations of ranks, starts steps, commits them, evaluates, checkpoints, and stops. In an elastic run a lost
 * member costs a generation and at most the open step; in a fixed one every failure ends the run with one error that names the
 * rank.
 *
 * <p>Between two generations nothing is in doubt: the step that is furthest in anybody's parameters is either the last committed
 * one or the one after it, since no rank is told to apply a step before its predecessor is in the ledger. Those behind copy; then
 * the step is committed if it was not, or the next one is run. Ranks may also be behind the ledger, as after a restart from a
 * checkpoint: then committed steps are run again and compared with the ledger, not committed again.
 */
public final class CoordinatorLogic {
    private final RunState s;
    private final Ending ending;
    private final Generations generations;
    private final Steps steps;
    private final Waiting waiting;
    private final Commits commits;

    /** Of a run of which no member is there yet. */
    public CoordinatorLogic(RunSettings settings, long nowNanos) {
        s = new RunState(settings, nowNanos);
        ending = new Ending(s);
        commits = new Commits(s, ending);
        NonFinite nonFinite = new NonFinite(s);
        generations = new Generations(s, ending, nonFinite);
        steps = new Steps(s, ending, commits, nonFinite);
        waiting = new Waiting(s, generations, steps, commits, ending);
        generations.meet(steps, waiting);
        steps.meet(generations, waiting);
        ending.meet(waiting);
    }

    /** Takes a message at a time; returns what is to be done. */
    public List<Effect> on(ToCoordinator message, long nowNanos) {
        s.effects.clear();
        s.now = nowNanos;
        if (s.phase != RunState.Phase.ENDED) {
            switch (message) {
                case ToCoordinator.Remote remote -> onRemote(remote);
                case ToCoordinator.Local local -> onLocal(local);
            }
        }
        return List.copyOf(s.effects);
    }

    private void onRemote(ToCoordinator.Remote message) {
        switch (message) {
            case ToCoordinator.RankReady fact -> generations.onRankReady(fact);
            case ToCoordinator.RankFailed fact -> generations.onRankFailed(fact);
            case ToCoordinator.RankClosed fact -> ending.onRankClosed(fact);
            case ToCoordinator.Joined fact ->
                generations.advance(generations.isForming(fact.id()) && s.assembly.note(fact));
            case ToCoordinator.StateOffered fact ->
                generations.advance(generations.isForming(fact.id()) && s.assembly.note(fact));
            case ToCoordinator.StateCopied fact ->
                generations.advance(generations.isForming(fact.id()) && s.assembly.note(fact));
            case ToCoordinator.Activated fact ->
                generations.advance(generations.isForming(fact.id()) && s.assembly.note(fact));
            case ToCoordinator.StepFinished fact -> steps.onStepFinished(fact);
            case ToCoordinator.RankEvaluated fact -> steps.onRankEvaluated(fact);
            case ToCoordinator.CheckpointSaved fact -> steps.onCheckpointSaved(fact);
            case ToCoordinator.Superseded fact -> {
                if (fact.id().term() > s.settings.term()) {
                    ending.stepDown(fact.id().term());
                }
            }
            case ToCoordinator.NodeLeaving fact -> generations.onNodeLeaving(fact);
            case ToCoordinator.Stop stop -> generations.onStop();
        }
    }

    private void onLocal(ToCoordinator.Local message) {
        switch (message) {
            case ToCoordinator.StepBalanced fact -> steps.onStepBalanced(fact);
            case ToCoordinator.PlanFailed fact ->
                ending.fail("step " + fact.id().step() + " cannot be planned: " + fact.reason(), Optional.empty());
            case ToCoordinator.LateRanks fact -> waiting.onLateRanks(fact);
            case ToCoordinator.RankGone fact -> generations.onRankGone(fact);
            case ToCoordinator.AllAnswered fact -> generations.onAllAnswered(fact);
            case ToCoordinator.NodeLost fact -> generations.onNodeLost(fact);
            case ToCoordinator.Committed fact -> steps.onCommitted(fact);
            case ToCoordinator.CommitDelayed fact -> commits.onDelayed(fact);
            case ToCoordinator.Journaled fact -> {
                s.pendingJournal--;
                ending.endIfDone();
            }
            case ToCoordinator.JournalFailed fact -> {
                s.pendingJournal--;
                ending.fail("the run directory failed while " + fact.doing() + ": " + fact.failure().message(),
                        Optional.of(fact.failure()));
                ending.endIfDone();
            }
            case ToCoordinator.Fenced fact -> ending.stepDown(fact.term());
            case ToCoordinator.Tick tick -> waiting.onTick();
        }
    }
}
