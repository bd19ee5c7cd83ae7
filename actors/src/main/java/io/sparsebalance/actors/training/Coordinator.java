package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeSet;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Owns the run: starts steps, commits them, evaluates, checkpoints, stops, and turns every failure into one typed error that
 * names the rank. Ends with its run.
 */
public final class Coordinator extends AbstractBehavior<Coordinator.Command> {
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    /** What the coordinator takes. */
    public sealed interface Command {}

    /** A rank opened its device. */
    public record RankReady(int rank, String description, long numParameters) implements Command, WireMessage {}

    /** A rank cannot go on. */
    public record RankFailed(int rank, String doing, FailureInfo failure) implements Command, WireMessage {}

    /** A rank released its device; -1 open tensors if that failed. */
    public record RankClosed(int rank, long openTensors) implements Command, WireMessage {}

    /** All micro-batches of a step are done. */
    public record StepBalanced(StepOutcome outcome) implements Command, WireMessage {}

    /** A rank reduced and updated. */
    public record StepFinished(StepId id, int rank, RankWorker.StepEnd end, long idleNanos, long memoryBytes)
            implements
                Command,
                WireMessage {}

    /** A rank evaluated its share of the held-out samples. */
    public record RankEvaluated(StepId id, int rank, double lossSum, long numTargets) implements Command, WireMessage {}

    /** A checkpoint is on disk. */
    public record CheckpointSaved(StepId id, Path path, String digest) implements Command, WireMessage {}

    /** A step cannot be planned. */
    public record PlanFailed(StepId id, String reason) implements Command, WireMessage {}

    /** Ranks that hold micro-batches of a step. */
    public record LateRanks(StepId id, List<Integer> ranks) implements Command, WireMessage {
        /** Copies. */
        public LateRanks {
            ranks = List.copyOf(ranks);
        }
    }

    /** Finish the step, write a checkpoint, end. */
    public record Stop() implements Command, WireMessage {}

    private record JournalFailed(String doing, Throwable cause) implements Command {}

    private record Deadline(long step) implements Command {}

    private enum Journaled implements Command {
        DONE
    }

    private enum CloseDeadline implements Command {
        TICK
    }

    private enum Phase {
        OPENING, STEPPING, EVALUATING, SAVING, CLOSING
    }

    private final TimerScheduler<Command> timers;
    private final TrainingConfig config;
    private final RunContext run;
    private final RunStatistics statistics;
    private final ActorRef<Batcher.Command> batcher;
    private final ActorRef<Balancer.Command> balancer;
    private final List<ActorRef<Rank.Command>> ranks = new ArrayList<>();
    private final Map<Integer, StepFinished> finished = new HashMap<>();
    private final TreeSet<Integer> waitingFor = new TreeSet<>();
    private Phase phase = Phase.OPENING;
    private StepId current;
    private StepOutcome outcome;
    private long plannedUpTo;
    private long stepStart;
    private double evaluatedLoss;
    private long evaluatedTargets;
    private boolean stopRequested;
    private Throwable failure;
    private long leakedTensors;
    private int pendingJournal;

    private Coordinator(ActorContext<Command> context, TimerScheduler<Command> timers, RunContext run) {
        super(context);
        this.timers = timers;
        this.run = run;
        this.config = run.parts().config();
        this.current = new StepId(run.runId(), 1, 0);
        this.statistics = new RunStatistics(config.run().steps());
        this.batcher = context.spawn(Batcher.create(run.batcherSettings(), run.parts().tokens(), run.parts().order(),
                run.parts().latency()), "batcher");
        this.balancer = context.spawn(
                Balancer.create(run.balancerSettings(current), run.parts().latency(), context.getSelf(), batcher),
                "balancer");
        for (int rank = 0; rank < config.run().ranks(); rank++) {
            int number = rank;
            ranks.add(context.spawn(Rank.create(rank, run.runId(), balancer, context.getSelf(),
                    () -> run.parts().workers().create(number, run.collectives().get(number))), "rank-" + rank));
            waitingFor.add(rank);
        }
        balancer.tell(new Balancer.RanksJoined(List.copyOf(ranks)));
        setDeadline();
    }

    /** The coordinator of one run; spawns batcher, balancer and ranks. */
    public static Behavior<Command> create(RunContext run) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> new Coordinator(context, timers, run)));
    }

    @Override
    public Receive<Command> createReceive() {
        return newReceiveBuilder().onMessage(RankReady.class, this::onRankReady)
                .onMessage(StepBalanced.class, this::onStepBalanced)
                .onMessage(StepFinished.class, this::onStepFinished)
                .onMessage(RankEvaluated.class, this::onRankEvaluated)
                .onMessage(CheckpointSaved.class, this::onCheckpointSaved)
                .onMessage(RankFailed.class, this::onRankFailed)
                .onMessage(PlanFailed.class, this::onPlanFailed).onMessage(JournalFailed.class, this::onJournalFailed)
                .onMessage(Deadline.class, this::onDeadline).onMessage(LateRanks.class, this::onLateRanks)
                .onMessage(Stop.class, this::onStop).onMessage(RankClosed.class, this::onRankClosed)
                .onMessage(CloseDeadline.class, this::onCloseDeadline).onMessage(Journaled.class, this::onJournaled)
                .build();
    }

    private Behavior<Command> onRankReady(RankReady fact) {
        if (phase != Phase.OPENING || !waitingFor.remove(fact.rank())) {
            return this;
        }
        if (waitingFor.isEmpty()) {
            journal("writing run.json", () -> run.started(fact.numParameters()));
            startOrClose();
        }
        return this;
    }

    private void startOrClose() {
        if (stopRequested || current.step() >= config.run().steps()) {
            close();
            return;
        }
        current = current.withStep(current.step() + 1);
        phase = Phase.STEPPING;
        outcome = null;
        finished.clear();
        stepStart = System.nanoTime();
        long last = Math.min(config.run().steps(), current.step() + config.batch().plansAhead() - 1L);
        balancer.tell(new Balancer.StartStep(current));
        if (last > plannedUpTo) {
            batcher.tell(
                    new Batcher.PlanSteps(current.withStep(plannedUpTo + 1), last, balancer, getContext().getSelf()));
            plannedUpTo = last;
        }
        setDeadline();
    }

    private Behavior<Command> onStepBalanced(StepBalanced fact) {
        if (phase == Phase.STEPPING && fact.outcome().id().equals(current) && outcome == null) {
            outcome = fact.outcome();
            endStepIfDone();
        }
        return this;
    }

    private Behavior<Command> onStepFinished(StepFinished fact) {
        if (phase == Phase.STEPPING && fact.id().equals(current) && finished.putIfAbsent(fact.rank(), fact) == null) {
            endStepIfDone();
        }
        return this;
    }

    private void endStepIfDone() {
        if (outcome == null || finished.size() < ranks.size()) {
            return;
        }
        String mismatch = StepReports.checksumMismatch(finished);
        if (mismatch != null) {
            fail("step " + current.step() + ": " + mismatch, null);
            return;
        }
        statistics.stepEnded(System.nanoTime() - stepStart);
        if (evaluationIsDue()) {
            phase = Phase.EVALUATING;
            evaluatedLoss = 0;
            evaluatedTargets = 0;
            for (int rank = 0; rank < ranks.size(); rank++) {
                waitingFor.add(rank);
                ranks.get(rank).tell(new Rank.Evaluate(current, run.heldOut().get(rank), run.baseBudgets()));
            }
            setDeadline();
        } else {
            commit(OptionalDouble.empty());
        }
    }

    private boolean evaluationIsDue() {
        int every = config.run().evaluation().every();
        boolean last = current.step() == config.run().steps();
        return run.hasHeldOut() && (last || (every > 0 && current.step() % every == 0));
    }

    private Behavior<Command> onRankEvaluated(RankEvaluated fact) {
        if (phase != Phase.EVALUATING || !fact.id().equals(current) || !waitingFor.remove(fact.rank())) {
            return this;
        }
        evaluatedLoss += fact.lossSum();
        evaluatedTargets += fact.numTargets();
        if (waitingFor.isEmpty()) {
            commit(OptionalDouble.of(evaluatedLoss / Math.max(1, evaluatedTargets)));
        }
        return this;
    }

    private void commit(OptionalDouble heldOutLoss) {
        StepReport report = StepReports.report(outcome, finished, heldOutLoss, statistics.lastStepNanos());
        statistics.committed(report);
        pendingJournal++;
        getContext().pipeToSelf(run.journal().commit(StepReports.ledgerEntry(outcome, report), report),
                (done, error) -> error == null
                        ? Journaled.DONE
                        : new JournalFailed("committing step " + report.step(), error));
        int every = config.run().checkpoint().every();
        boolean last = stopRequested || current.step() == config.run().steps();
        if (last || (every > 0 && current.step() % every == 0)) {
            phase = Phase.SAVING;
            waitingFor.add(0);
            ranks.getFirst().tell(new Rank.SaveCheckpoint(current, run.checkpoints()));
            setDeadline();
        } else {
            startOrClose();
        }
    }

    private Behavior<Command> onCheckpointSaved(CheckpointSaved fact) {
        if (phase != Phase.SAVING || !fact.id().equals(current)) {
            return this;
        }
        waitingFor.clear();
        statistics.digest(fact.digest());
        journal("forcing the ledger", () -> run.checkpointed(fact.id().step(), fact.path()));
        startOrClose();
        return this;
    }

    private void journal(String doing, RunJournal.Work work) {
        pendingJournal++;
        getContext().pipeToSelf(run.journal().run(work),
                (done, error) -> error == null ? Journaled.DONE : new JournalFailed(doing, error));
    }

    private Behavior<Command> onJournaled(Journaled fact) {
        pendingJournal--;
        return endIfDone();
    }

    private Behavior<Command> onStop(Stop command) {
        stopRequested = true;
        return this;
    }

    private Behavior<Command> onRankFailed(RankFailed fact) {
        fail("rank " + fact.rank() + " failed while " + fact.doing() + ": " + fact.failure().message(),
                fact.failure().toException());
        return this;
    }

    private Behavior<Command> onPlanFailed(PlanFailed fact) {
        fail("step " + fact.id().step() + " cannot be planned: " + fact.reason(), null);
        return this;
    }

    private Behavior<Command> onJournalFailed(JournalFailed fact) {
        pendingJournal--;
        fail("the run directory failed while " + fact.doing() + ": "
                + FailureInfo.of(fact.cause()).message(), fact.cause());
        return endIfDone();
    }

    private Behavior<Command> onDeadline(Deadline tick) {
        if (phase == Phase.CLOSING || tick.step() != current.step()) {
            return this;
        }
        if (phase == Phase.STEPPING && outcome == null) {
            balancer.tell(new Balancer.FindLate(current, getContext().getSelf()));
        } else {
            List<Integer> late = new ArrayList<>(waitingFor);
            for (int rank = 0; phase == Phase.STEPPING && rank < ranks.size(); rank++) {
                if (!finished.containsKey(rank)) {
                    late.add(rank);
                }
            }
            failLate(late);
        }
        return this;
    }

    private Behavior<Command> onLateRanks(LateRanks fact) {
        if (phase == Phase.STEPPING && fact.id().equals(current)) {
            failLate(fact.ranks());
        }
        return this;
    }

    private void failLate(List<Integer> late) {
        fail("no answer from rank " + (late.isEmpty() ? "(none holds work: the plan is missing)" : late.toString())
                + " in step "
                + current.step() + " (" + phase.name().toLowerCase(java.util.Locale.ROOT) + ") for "
                + deadline().toSeconds()
                + " s; its device may be stuck or far too slow: look at its host, or raise run.step-timeout", null);
    }

    private void fail(String what, Throwable cause) {
        if (phase == Phase.CLOSING) {
            // What fails after the first failure follows from it, unless the run was ending well.
            if (failure == null) {
                failure = run.failure(what, cause);
            }
            return;
        }
        failure = run.failure(what, cause);
        run.collectives().forEach(collective -> collective.abort(failure));
        close();
    }

    private void close() {
        phase = Phase.CLOSING;
        timers.cancelAll();
        waitingFor.clear();
        for (int rank = 0; rank < ranks.size(); rank++) {
            waitingFor.add(rank);
            ranks.get(rank).tell(new Rank.Shutdown());
        }
        timers.startSingleTimer(CloseDeadline.TICK, CLOSE_TIMEOUT);
    }

    private Behavior<Command> onRankClosed(RankClosed fact) {
        leakedTensors += Math.max(0, fact.openTensors());
        if (phase == Phase.CLOSING) {
            waitingFor.remove(fact.rank());
        }
        return endIfDone();
    }

    /** The run has ended when every device is released and every committed step is written, or could not be. */
    private Behavior<Command> endIfDone() {
        return phase == Phase.CLOSING && waitingFor.isEmpty() && pendingJournal == 0 ? end() : this;
    }

    private Behavior<Command> onCloseDeadline(CloseDeadline tick) {
        String what = (waitingFor.isEmpty()
                ? "the run directory was not written"
                : "rank " + waitingFor + " did not release its device")
                + " within " + CLOSE_TIMEOUT.toSeconds() + " s";
        getContext().getLog().error(what);
        if (failure == null) {
            failure = run.failure(what, null);
        }
        return end();
    }

    private Behavior<Command> end() {
        run.end(statistics.result(run.directory(), stopRequested && current.step() < config.run().steps(),
                leakedTensors), failure);
        return Behaviors.stopped();
    }

    private Duration deadline() {
        return statistics.deadline(config.run().stepTimeout(), phase == Phase.STEPPING);
    }

    private void setDeadline() {
        timers.startSingleTimer(Deadline.class, new Deadline(current.step()), deadline());
    }
}
