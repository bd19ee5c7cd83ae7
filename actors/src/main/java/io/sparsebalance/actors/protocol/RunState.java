package io.sparsebalance.actors.protocol;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/** What coordinator, generations, steps and ending of one run share. Owned by {@link CoordinatorLogic}. */
final class RunState {
    /** What the run is waiting for. */
    enum Phase {
        /** Enough members. */
        FORMING,
        /** Members to form a generation. */
        JOINING,
        /** A step. */
        STEPPING,
        /** Held-out samples. */
        EVALUATING,
        /** A checkpoint. */
        SAVING,
        /** Devices to be released. */
        CLOSING,
        /** Nothing. */
        ENDED
    }

    final RunSettings settings;
    final Pace pace;
    final Roll roll = new Roll();
    final History history;
    final List<Effect> effects = new ArrayList<>();
    Phase phase = Phase.FORMING;
    StepId id;
    Assembly assembly;
    /** Of the current generation, by rank. */
    List<MemberId> active = List.of();
    /** The step in flight, or the last one; null before the first. */
    OpenStep open;
    /** Last step in the parameters of all active ranks. */
    long applied;
    /** Last step that was given to the ledger, and last one that it holds. */
    long committing;
    long committed;
    /** Step of the newest checkpoint. */
    long saved;
    /** Step whose checkpoint could not be written: it is left out, unless it is the run's last. */
    long leftOut;
    long leftOutAt;
    long plannedUpTo;
    /** Generations that ended since the last commit. */
    int recoveries;
    boolean started;
    boolean stopRequested;
    int pendingJournal;
    long deadline;
    long repeatAt;
    /** Until then a coordinator that has just begun waits for everybody. */
    long gatherUntil;
    /** Ranks of all nodes that can be reached, once all have answered: a successor need not wait for more. */
    OptionalInt present = OptionalInt.empty();
    long now;

    RunState(RunSettings settings, long nowNanos) {
        this.settings = settings;
        this.pace = new Pace(settings.patience());
        this.history = new History(settings.restart().steps());
        this.id = new StepId(settings.runId(), settings.term(), 0, settings.restart().committed());
        this.committed = settings.restart().committed();
        this.committing = committed;
        this.saved = settings.restart().saved();
        this.now = nowNanos;
        await(settings.patience().formNanos());
        // The first coordinator waits for the nodes to be started; a successor, only for those that are there to answer.
        this.gatherUntil = nowNanos
                + (settings.term() == 1 ? settings.patience().formNanos() : settings.patience().gatherNanos());
    }

    /** Members without which no generation is formed now. */
    int needed() {
        RunSettings.Membership membership = settings.membership();
        if (started || now - gatherUntil >= 0) {
            return membership.numLeast();
        }
        return settings.term() > 1 && present.isPresent()
                ? Math.max(membership.numLeast(), Math.min(membership.numExpected(), present.getAsInt()))
                : membership.numExpected();
    }

    boolean isOpen(Phase expected, StepId of) {
        return phase == expected && of.equals(id);
    }

    void await(long nanos) {
        deadline = now + nanos;
    }

    static long seconds(long nanos) {
        return nanos / 1_000_000_000L;
    }

    String name(MemberId member) {
        int rank = assembly != null ? assembly.members().indexOf(member) : -1;
        return settings.membership().elastic()
                ? "rank " + (rank >= 0 ? rank + " " : "") + "(" + member + ")"
                : "rank " + member.device();
    }

    String names(Set<MemberId> members) {
        return "rank " + members.stream()
                .map(member -> settings.membership().elastic() ? member.toString() : "" + member.device()).toList();
    }
}
