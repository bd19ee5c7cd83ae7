package io.sparsebalance.actors.protocol;

import io.sparsebalance.data.SampleRef;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Time: asks again what was not answered, and gives up what is not answered for too long. */
final class Waiting {
    private final RunState s;
    private final Generations generations;
    private final Steps steps;
    private final Commits commits;
    private final Ending ending;

    Waiting(RunState state, Generations generations, Steps steps, Commits commits, Ending ending) {
        this.s = state;
        this.generations = generations;
        this.steps = steps;
        this.commits = commits;
        this.ending = ending;
    }

    void onTick() {
        commits.onTick();
        if (s.now - s.deadline >= 0) {
            onDeadline();
        } else if (s.now - s.repeatAt >= 0) {
            askAgain();
        }
    }

    /** Asks what was not answered. */
    void askAgain() {
        s.repeatAt = s.now + s.settings.patience().repeatNanos();
        switch (s.phase) {
            case JOINING -> s.effects.addAll(s.assembly.requests(s.settings.addresses().coordinator(),
                    s.settings.addresses().balancer()));
            case STEPPING -> steps.endStep();
            case EVALUATING -> {
                List<List<SampleRef>> shares = s.settings.evaluation().samples()
                        .apply(s.active.size());
                for (int rank : s.open.unevaluated()) {
                    s.effects.add(new Effect.TellRank(s.active.get(rank),
                            new ToRank.Evaluate(s.id, shares.get(rank), s.settings.evaluation().budgets())));
                }
            }
            case SAVING -> steps.save();
            case CLOSING -> ending.askAgain();
            case FORMING -> generations.formIfEnough();
            case ENDED -> {
                // Nobody is asked for anything.
            }
        }
    }

    private void onDeadline() {
        switch (s.phase) {
            case FORMING -> {
                generations.formIfEnough();
                if (s.phase == RunState.Phase.FORMING) {
                    ending.fail("only " + s.roll.staying().size() + " of " + s.needed()
                            + " ranks were there within " + RunState.seconds(s.settings.patience().formNanos())
                            + " s; look at the logs of the nodes that are missing", Optional.empty());
                }
            }
            case JOINING -> onSilence(s.assembly.silent());
            case STEPPING -> {
                if (s.open.outcome() != null && commits.isLate()) {
                    commits.onDeadline();
                } else if (s.open.outcome() == null) {
                    s.await(s.pace.deadlineNanos(true));
                    s.effects.add(new Effect.TellBalancer(new ToBalancer.FindLate(s.id)));
                } else {
                    late(s.open.unfinished());
                }
            }
            case EVALUATING -> late(s.open.unevaluated());
            case SAVING -> {
                if (commits.isLate()) {
                    commits.onDeadline();
                } else {
                    late(List.of(0));
                }
            }
            case CLOSING -> ending.onDeadline();
            case ENDED -> throw new IllegalStateException("messages are not taken after the end");
        }
    }

    /** Whoever does not answer while a generation is formed is left out of the next. */
    private void onSilence(Set<MemberId> silent) {
        String what = "no answer from " + s.names(silent) + " in generation " + s.id.generation() + " for "
                + RunState.seconds(s.settings.patience().joinNanos()) + " s";
        if (s.settings.membership().elastic()) {
            silent.forEach(member -> generations.dismiss(member, what, true));
        }
        generations.recover(what + "; its device may be stuck: look at its host, or raise run.step-timeout",
                Optional.empty());
    }

    void onLateRanks(ToCoordinator.LateRanks fact) {
        if (s.isOpen(RunState.Phase.STEPPING, fact.id())) {
            late(fact.ranks());
        }
    }

    private void late(List<Integer> ranks) {
        generations.recover(
                "no answer from rank " + (ranks.isEmpty() ? "(none holds work: the plan is missing)" : ranks.toString())
                        + " in step " + s.id.step() + " (" + s.phase.name().toLowerCase(Locale.ROOT) + ") for "
                        + RunState.seconds(s.pace.deadlineNanos(s.phase == RunState.Phase.STEPPING))
                        + " s; its device may be stuck or far too slow: look at its host, or raise run.step-timeout",
                Optional.empty());
    }
}
