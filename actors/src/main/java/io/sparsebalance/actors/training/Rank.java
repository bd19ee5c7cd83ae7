package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Owns one device. Pulls micro-batches from the balancer and runs them on its device thread; a repeated grant is run once.
 */
public final class Rank extends AbstractBehavior<Rank.Command> {
    private static final Logger LOG = LoggerFactory.getLogger(Rank.class);
    private static final Duration REPEAT_REQUEST = Duration.ofSeconds(2);

    /** What a rank takes. */
    public sealed interface Command {}

    /** Run a micro-batch. */
    public record Grant(StepId id, int microBatch, List<SampleRef> samples, Budgets budgets, double lossScale)
            implements
                Command,
                WireMessage {
        /** Copies. */
        public Grant {
            samples = List.copyOf(samples);
        }
    }

    /** All micro-batches of the step are done: reduce and update. */
    public record FinishStep(StepId id) implements Command, WireMessage {}

    /** Compute the loss of held-out samples. */
    public record Evaluate(StepId id, List<SampleRef> samples, Budgets budgets) implements Command, WireMessage {
        /** Copies. */
        public Evaluate {
            samples = List.copyOf(samples);
        }
    }

    /** Write a checkpoint. */
    public record SaveCheckpoint(StepId id, Path directory) implements Command, WireMessage {}

    /** Release everything and end. */
    public record Shutdown() implements Command, WireMessage {}

    private record WorkerReady(RankWorker worker) implements Command {}

    private record MicroBatchRan(Grant grant, long busyNanos, long gcNanos,
            MicroBatchResult result) implements Command {}

    private record StepRan(StepId id, RankWorker.StepEnd end, long idleNanos, long memoryBytes) implements Command {}

    private record Evaluated(StepId id, MicroBatchResult result) implements Command {}

    private record CheckpointWritten(StepId id, Path path, String digest) implements Command {}

    private record Failed(String doing, Throwable cause) implements Command {}

    private record Closed(long openTensors) implements Command {}

    private enum RepeatRequest implements Command {
        TICK
    }

    private final int rank;
    private final ActorRef<? super Balancer.Command> balancer;
    private final ActorRef<? super Coordinator.Command> coordinator;
    private final DeviceThread thread;
    private final TimerScheduler<Command> timers;
    private RankWorker worker;
    private StepId current;
    private int lastMicroBatch = -1;
    private MicroBatchOutcome lastOutcome;
    private boolean running;
    private boolean failed;
    private long idleSince;
    private long finished;

    private Rank(ActorContext<Command> context, TimerScheduler<Command> timers, int rank, String runId,
            ActorRef<? super Balancer.Command> balancer, ActorRef<? super Coordinator.Command> coordinator,
            Callable<RankWorker> workers) {
        super(context);
        this.timers = timers;
        this.rank = rank;
        this.balancer = balancer;
        this.coordinator = coordinator;
        this.thread = new DeviceThread("sparsebalance-" + runId + "-rank-" + rank);
        context.pipeToSelf(thread.run(workers), (made, error) -> error == null
                ? new WorkerReady(made)
                : new Failed("opening its device", error));
    }

    /**
     * A rank.
     *
     * @param workers makes the worker; called on the rank's device thread
     */
    public static Behavior<Command> create(int rank, String runId, ActorRef<? super Balancer.Command> balancer,
            ActorRef<? super Coordinator.Command> coordinator, Callable<RankWorker> workers) {
        return Behaviors.setup(context -> Behaviors
                .withTimers(timers -> new Rank(context, timers, rank, runId, balancer, coordinator, workers)));
    }

    @Override
    public Receive<Command> createReceive() {
        return newReceiveBuilder().onMessage(WorkerReady.class, this::onWorkerReady)
                .onMessage(Grant.class, this::onGrant)
                .onMessage(MicroBatchRan.class, this::onMicroBatchRan).onMessage(FinishStep.class, this::onFinishStep)
                .onMessage(StepRan.class, this::onStepRan).onMessage(Evaluate.class, this::onEvaluate)
                .onMessage(Evaluated.class, this::onEvaluated).onMessage(SaveCheckpoint.class, this::onSaveCheckpoint)
                .onMessage(CheckpointWritten.class, this::onCheckpointWritten)
                .onMessage(RepeatRequest.class, this::onRepeatRequest).onMessage(Failed.class, this::onFailed)
                .onMessage(Shutdown.class, this::onShutdown).onMessage(Closed.class, this::onClosed).build();
    }

    private Behavior<Command> onWorkerReady(WorkerReady fact) {
        worker = fact.worker();
        idleSince = System.nanoTime();
        coordinator.tell(new Coordinator.RankReady(rank, worker.description(), worker.numParameters()));
        requestWork();
        timers.startTimerWithFixedDelay(RepeatRequest.TICK, REPEAT_REQUEST);
        return this;
    }

    private Behavior<Command> onGrant(Grant grant) {
        if (worker == null || failed || running || (current != null && grant.id().step() <= finished)) {
            return this;
        }
        if (grant.id().equals(current) && grant.microBatch() == lastMicroBatch) {
            // The balancer did not hear of the completion: say it again, but do not add the gradient twice.
            balancer.tell(new Balancer.MicroBatchCompleted(current, lastOutcome));
            return this;
        }
        current = grant.id();
        lastMicroBatch = grant.microBatch();
        running = true;
        getContext().pipeToSelf(thread.run(() -> run(grant)), (ran, error) -> error == null
                ? ran
                : new Failed("running micro-batch " + grant.microBatch() + " of step " + grant.id().step(), error));
        return this;
    }

    private MicroBatchRan run(Grant grant) {
        long gcBefore = GcTime.nanos();
        long start = System.nanoTime();
        MicroBatchResult result = worker.runMicroBatch(grant.samples(), grant.budgets(), grant.lossScale());
        return new MicroBatchRan(grant, System.nanoTime() - start, GcTime.nanos() - gcBefore, result);
    }

    private Behavior<Command> onMicroBatchRan(MicroBatchRan fact) {
        running = false;
        idleSince = System.nanoTime();
        lastOutcome = new MicroBatchOutcome(fact.grant().microBatch(), rank, fact.grant().budgets(), fact.busyNanos(),
                fact.gcNanos(), fact.result());
        balancer.tell(new Balancer.MicroBatchCompleted(fact.grant().id(), lastOutcome));
        return this;
    }

    private Behavior<Command> onFinishStep(FinishStep command) {
        if (worker == null || failed || running || command.id().step() <= finished) {
            return this;
        }
        running = true;
        current = command.id();
        finished = command.id().step();
        lastMicroBatch = -1;
        long idleNanos = System.nanoTime() - idleSince;
        getContext().pipeToSelf(
                thread.run(() -> new StepRan(command.id(), worker.finishStep(command.id().step()), idleNanos,
                        worker.memoryBytes())),
                (ran, error) -> error == null ? ran : new Failed("ending step " + command.id().step(), error));
        return this;
    }

    private Behavior<Command> onStepRan(StepRan fact) {
        running = false;
        idleSince = System.nanoTime();
        coordinator
                .tell(new Coordinator.StepFinished(fact.id(), rank, fact.end(), fact.idleNanos(), fact.memoryBytes()));
        requestWork();
        return this;
    }

    private Behavior<Command> onEvaluate(Evaluate command) {
        getContext().pipeToSelf(thread.run(() -> worker.evaluate(command.samples(), command.budgets())),
                (result, error) -> error == null
                        ? new Evaluated(command.id(), result)
                        : new Failed("evaluating after step " + command.id().step(), error));
        return this;
    }

    private Behavior<Command> onEvaluated(Evaluated fact) {
        idleSince = System.nanoTime();
        coordinator.tell(
                new Coordinator.RankEvaluated(fact.id(), rank, fact.result().lossSum(), fact.result().numTargets()));
        return this;
    }

    private Behavior<Command> onSaveCheckpoint(SaveCheckpoint command) {
        getContext().pipeToSelf(
                thread.run(() -> new CheckpointWritten(command.id(),
                        worker.saveCheckpoint(command.directory(), command.id().step()),
                        worker.digest())),
                (written, error) -> error == null
                        ? written
                        : new Failed("writing the checkpoint of step " + command.id().step(), error));
        return this;
    }

    private Behavior<Command> onCheckpointWritten(CheckpointWritten fact) {
        idleSince = System.nanoTime();
        coordinator.tell(new Coordinator.CheckpointSaved(fact.id(), fact.path(), fact.digest()));
        return this;
    }

    private Behavior<Command> onRepeatRequest(RepeatRequest tick) {
        if (!running && !failed) {
            requestWork();
        }
        return this;
    }

    private void requestWork() {
        balancer.tell(new Balancer.RequestWork(rank, finished));
    }

    private Behavior<Command> onFailed(Failed fact) {
        failed = true;
        running = false;
        coordinator.tell(new Coordinator.RankFailed(rank, fact.doing(), FailureInfo.of(fact.cause())));
        return this;
    }

    private Behavior<Command> onShutdown(Shutdown command) {
        failed = true;
        RankWorker closing = worker;
        getContext().pipeToSelf(thread.run(() -> {
            if (closing == null) {
                return 0L;
            }
            closing.close();
            return closing.openTensors().orElse(0);
        }), (open, error) -> {
            if (error != null) {
                LOG.error("rank {} could not release its device", rank, error);
            }
            return new Closed(error == null ? open : -1);
        });
        thread.shutdown();
        return this;
    }

    private Behavior<Command> onClosed(Closed fact) {
        coordinator.tell(new Coordinator.RankClosed(rank, fact.openTensors()));
        return Behaviors.stopped();
    }
}
