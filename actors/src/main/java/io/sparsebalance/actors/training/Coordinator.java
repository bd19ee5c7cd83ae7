package io.sparsebalance.actors.training;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.CoordinatorLogic;
import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rundir.AbandonedFileException;
import io.sparsebalance.actors.rundir.StaleTermException;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingFailedException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/** The actor around {@link CoordinatorLogic}: carries out what it decides, and writes down what is committed. */
public final class Coordinator extends AbstractBehavior<ToCoordinator> {
    private static final Duration TICK = Duration.ofMillis(100);

    private final RunContext run;
    private final RunStatistics statistics;
    private final Routes routes;
    private final CoordinatorLogic logic;
    private final ActorRefResolver resolver;
    private final Map<ActorRef<Void>, MemberId> watched = new HashMap<>();
    /** The step that was given to the journal last; null before the first. */
    private StepReport committing;

    private Coordinator(ActorContext<ToCoordinator> context, RunContext run) {
        super(context);
        this.run = run;
        this.statistics = new RunStatistics(run.parts().config().run().steps());
        this.resolver = ActorRefResolver.get(context.getSystem());
        this.routes = new Routes(context.getSelf());
        BatcherLogic batching = new BatcherLogic(run.batcherSettings(), run.parts().tokens(), run.parts().order(),
                run.parts().latency(), System::nanoTime);
        BalancerLogic balancing = new BalancerLogic(run.balancerSettings(), run.parts().latency(), System::nanoTime);
        ActorRef<ToBatcher> batcher = context.spawn(Batcher.create(batching, routes), "batcher");
        ActorRef<ToBalancer> balancer = context
                .spawn(run.hooks().messages(ToBalancer.class, Balancer.create(balancing, routes)), "balancer");
        routes.batcher(batcher);
        routes.balancer(balancer);
        this.logic = new CoordinatorLogic(
                run.settings(new RunSettings.Addresses(resolver.toSerializationFormat(context.getSelf()),
                        resolver.toSerializationFormat(balancer))),
                System.nanoTime());
        run.ranks().start(context, this::register);
    }

    /** The coordinator of one run. */
    public static Behavior<ToCoordinator> create(RunContext run) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startTimerWithFixedDelay(new ToCoordinator.Tick(), TICK);
            return new Coordinator(context, run);
        }));
    }

    @Override
    public Receive<ToCoordinator> createReceive() {
        return newReceiveBuilder().onAnyMessage(this::onMessage).onSignal(Terminated.class, this::onTerminated)
                .build();
    }

    private Behavior<ToCoordinator> onMessage(ToCoordinator message) {
        if (message instanceof ToCoordinator.RankReady ready) {
            register(ready.member(), resolver.resolveActorRef(ready.address()));
        }
        if (message instanceof ToCoordinator.Committed) {
            statistics.committed(committing);
        }
        boolean ended = false;
        for (Effect effect : logic.on(message, System.nanoTime())) {
            if (!routes.carryOut(effect)) {
                ended |= carryOut(effect);
            }
        }
        return ended ? Behaviors.stopped() : this;
    }

    private void register(MemberId member, ActorRef<ToRank> actor) {
        if (!actor.equals(routes.rank(member))) {
            routes.rank(member, actor);
            watched.put(actor.unsafeUpcast(), member);
            getContext().watch(actor);
        }
    }

    /** A rank's actor is gone without a word, or with its node. */
    private Behavior<ToCoordinator> onTerminated(Terminated signal) {
        MemberId member = watched.remove(signal.getRef());
        if (member == null) {
            return this;
        }
        return onMessage(new ToCoordinator.RankGone(member));
    }

    /** Returns true if the run is over. */
    private boolean carryOut(Effect effect) {
        switch (effect) {
            case Effect.NoteStart note -> journal("writing run.json",
                    run.journal().run(() -> run.started(note.numParameters())));
            case Effect.Commit commit -> commit(commit);
            case Effect.NoteCheckpoint note -> {
                statistics.digest(note.digest());
                journal("forcing the ledger",
                        run.journal().run(() -> run.checkpointed(note.step(), Path.of(note.path()))));
            }
            case Effect.Forget forget -> {
                ActorRef<ToRank> actor = routes.rank(forget.member());
                if (actor != null) {
                    watched.remove(actor.<Void>unsafeUpcast());
                    getContext().unwatch(actor);
                    routes.forget(forget.member());
                }
            }
            case Effect.End end -> {
                run.end(statistics.result(run.directory(), end.stopped(), end.leakedTensors()),
                        end.failure().map(failure -> run.failure(failure.what(),
                                failure.cause().map(FailureInfo::toException).orElse(null))).orElse(null));
                return true;
            }
            case Effect.StepDown down -> {
                run.end(null, new TrainingFailedException("another coordinator, of term " + down.newerTerm()
                        + ", has taken the run over [run " + run.directory() + "]", null));
                return true;
            }
            case Effect.TellRank other -> throw new IllegalStateException("carried out already: " + other);
            case Effect.TellBalancer other -> throw new IllegalStateException("carried out already: " + other);
            case Effect.TellBatcher other -> throw new IllegalStateException("carried out already: " + other);
            case Effect.TellCoordinator other -> throw new IllegalStateException("carried out already: " + other);
            case Effect.Warn other -> throw new IllegalStateException("carried out already: " + other);
        }
        return false;
    }

    private void commit(Effect.Commit commit) {
        StepReport report = StepReports.report(commit);
        committing = report;
        getContext().pipeToSelf(run.journal().commit(StepReports.ledgerEntry(commit, report), report),
                (done, error) -> switch (error) {
                    case null -> new ToCoordinator.Committed(report.step());
                    case StaleTermException stale -> new ToCoordinator.Fenced(stale.newerTerm());
                    case AbandonedFileException lost -> failed("committing step " + report.step(), lost);
                    case IOException full -> new ToCoordinator.CommitDelayed(report.step(), FailureInfo.of(full));
                    default -> failed("committing step " + report.step(), error);
                });
    }

    private void journal(String doing, CompletionStage<Void> work) {
        getContext().pipeToSelf(work, (done, error) -> switch (error) {
            case null -> new ToCoordinator.Journaled();
            case StaleTermException stale -> new ToCoordinator.Fenced(stale.newerTerm());
            default -> failed(doing, error);
        });
    }

    private static ToCoordinator.JournalFailed failed(String doing, Throwable error) {
        return new ToCoordinator.JournalFailed(doing, FailureInfo.of(error));
    }
}
