package io.sparsebalance.actors.node;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.CommittedStep;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRoster;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.actors.rundir.StaleTermException;
import io.sparsebalance.actors.training.Coordinator;
import io.sparsebalance.actors.training.RunContext;
import io.sparsebalance.actors.training.RunJournal;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the coordinator lives: a singleton of the cluster that takes a term, reads the ledger, and has a coordinator go on from
 * there.
 */
final class CoordinatorHome extends AbstractBehavior<CoordinatorHome.Command> {
    private static final Logger LOG = LoggerFactory.getLogger(CoordinatorHome.class);

    /** What it takes, all from itself. */
    sealed interface Command {}

    private record TakenOver(SharedRun.Takeover takeover) implements Command {}

    private record Failed(Throwable cause) implements Command {}

    private record Again() implements Command {}

    private record RunOver(TrainingResult result, Throwable failure) implements Command {}

    private record Written(RunOver run, Throwable error) implements Command {}

    private static final Duration AGAIN = Duration.ofSeconds(1);

    private final NodeParts parts;
    private final String node;
    private final ActorRef<ToAgent> agent;
    private final TimerScheduler<Command> timers;
    private final long startNanos = System.nanoTime();
    private boolean delayed;
    private SharedRun.Takeover takeover;
    private RunJournal journal;
    private ActorRef<ToRoster> roster;

    private CoordinatorHome(ActorContext<Command> context, TimerScheduler<Command> timers, NodeParts parts, String node,
            ActorRef<ToAgent> agent) {
        super(context);
        this.timers = timers;
        this.parts = parts;
        this.node = node;
        this.agent = agent;
        takeOver();
    }

    static Behavior<Command> create(NodeParts parts, String node, ActorRef<ToAgent> agent) {
        return Behaviors.setup(context -> Behaviors
                .withTimers(timers -> new CoordinatorHome(context, timers, parts, node, agent)));
    }

    private void takeOver() {
        getContext().pipeToSelf(CompletableFuture.supplyAsync(() -> {
            try {
                return SharedRun.takeOver(parts.config(), node);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }), (taken, error) -> error == null ? new TakenOver(taken) : new Failed(error));
    }

    @Override
    public Receive<Command> createReceive() {
        return newReceiveBuilder().onMessage(TakenOver.class, this::onTakenOver).onMessage(Failed.class, this::onFailed)
                .onMessage(Again.class, again -> onAgain()).onMessage(RunOver.class, this::onRunOver)
                .onMessage(Written.class, this::onWritten)
                .onSignal(PostStop.class, signal -> onPostStop()).build();
    }

    private Behavior<Command> onTakenOver(TakenOver fact) {
        takeover = fact.takeover();
        List<LedgerEntry> committed = takeover.committed();
        long last = committed.isEmpty() ? 0 : committed.getLast().step();
        parts.listener().onNotice("this node coordinates the run, in term " + takeover.term()
                + (last > 0 ? ", from step " + last + " on" : ""));
        String runId = parts.config().cluster().run();
        journal = new RunJournal(runId, takeover.directory(), parts.listeners(), parts.hooks());
        roster = getContext().spawn(parts.hooks().messages(ToRoster.class,
                Roster.create(runId, takeover.term(), parts.facts(), parts.listener())), "roster");
        Map<Long, CommittedStep> steps = committed.stream()
                .filter(entry -> entry.step() >= takeover.oldestCheckpoint())
                .collect(Collectors.toMap(LedgerEntry::step, CoordinatorHome::step));
        ActorRef<Command> self = getContext().getSelf();
        RunContext run = new RunContext(parts.run(), takeover.directory(), journal,
                new ClusterRanks(parts.config(), roster), takeover.term(),
                new RunSettings.Restart(last, takeover.newestCheckpoint(), steps), parts.hooks(),
                (result, failure) -> self.tell(new RunOver(result, failure)));
        getContext().spawn(parts.hooks().messages(ToCoordinator.class, Coordinator.create(run)), "run");
        return this;
    }

    private static CommittedStep step(LedgerEntry entry) {
        return new CommittedStep(entry.parameterChecksum(), entry.budgets().stream()
                .map(byLayer -> Budgets.of(byLayer.stream().mapToInt(Integer::intValue).toArray())).toList(),
                LearnedBytes.ofText(entry.learned()), entry.skipped());
    }

    /** A disk that is full now is no reason to end the nodes that could coordinate, one after the other. */
    private Behavior<Command> onFailed(Failed fact) {
        Throwable cause = fact.cause();
        while ((cause instanceof CompletionException || cause instanceof UncheckedIOException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        Duration longest = parts.config().cluster().formTimeout();
        if (!SharedRun.mayPass(cause) || System.nanoTime() - startNanos > longest.toNanos()) {
            agent.tell(new ToAgent.Expelled("this node cannot coordinate the run: " + cause.getMessage()));
            return this;
        }
        if (!delayed) {
            delayed = true;
            parts.listener().onNotice("this node cannot coordinate the run now: " + cause.getMessage()
                    + ". It tries again, at most for " + longest.toSeconds() + " s");
        }
        timers.startSingleTimer(new Again(), AGAIN);
        return this;
    }

    private Behavior<Command> onAgain() {
        takeOver();
        return this;
    }

    /** The coordinator has ended; its result is written before anybody is told. */
    private Behavior<Command> onRunOver(RunOver over) {
        if (over.result() == null) {
            agent.tell(new ToAgent.Expelled(over.failure().getMessage()));
            return this;
        }
        getContext().pipeToSelf(journal.run(() -> {
            // A failure may come of another having taken over, and then is this coordinator's alone.
            takeover.directory().requireNewestTerm();
            if (over.failure() == null) {
                takeover.directory().writeResult(over.result());
                journal.each(listener -> listener.onFinished(over.result()));
            } else {
                journal.each(listener -> listener.onFailed(over.failure()));
            }
        }), (done, error) -> new Written(over, error));
        return this;
    }

    private Behavior<Command> onWritten(Written fact) {
        if (fact.error() instanceof StaleTermException stale) {
            agent.tell(new ToAgent.Expelled(stale.getMessage()));
            return this;
        }
        TrainingResult result = fact.run().result();
        Throwable failure = fact.run().failure() != null ? fact.run().failure() : fact.error();
        roster.tell(new ToRoster.TellAll(new ToAgent.RunEnded(takeover.term(),
                Optional.ofNullable(failure).map(FailureInfo::of), result.stopped(), result.steps(), result.digest())));
        return this;
    }

    /** The cluster has chosen another node, or the node goes down: what was begun is written, and the files are closed. */
    private Behavior<Command> onPostStop() {
        if (takeover != null) {
            RunJournal closing = journal;
            SharedRun.Takeover closed = takeover;
            Thread.ofPlatform().daemon().name("sparsebalance-close-run").start(() -> {
                closing.close();
                try {
                    closed.directory().close();
                } catch (IOException e) {
                    LOG.error("the run directory could not be closed", e);
                }
            });
        }
        return this;
    }
}
