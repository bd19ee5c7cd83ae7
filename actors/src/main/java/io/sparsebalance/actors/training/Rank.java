package io.sparsebalance.actors.training;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.RankLogic;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.rank.RankPlane;
import io.sparsebalance.actors.rank.RankWorker;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.Optional;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;

/** The actor around {@link RankLogic}: owns one device, with which it works on a thread of its own. */
public final class Rank extends AbstractBehavior<ToRank> {
    private static final Duration ASK_AGAIN = Duration.ofSeconds(1);

    private final RankLogic logic;
    private final RankDevice device;
    private final ActorRefResolver resolver;
    private ActorRef<ToCoordinator> coordinator;
    private ActorRef<ToBalancer> balancer;
    private final EndListener ended;
    /** That ends it; null if none has come. */
    private ToRank.Shutdown order;
    private long steps;

    /** Is told that a rank's actor has ended. */
    @FunctionalInterface
    public interface EndListener {
        /**
         * It has.
         *
         * @param order by which it did; empty if by itself
         * @param steps that its device was to end since it was opened
         */
        void onEnd(Optional<ToRank.Shutdown> order, long steps);
    }

    private Rank(ActorContext<ToRank> context, MemberId member, String runId, RankPlane plane,
            Function<Collective, RankWorker> opener, EndListener ended) {
        super(context);
        this.ended = ended;
        this.resolver = ActorRefResolver.get(context.getSystem());
        this.logic = new RankLogic(member, resolver.toSerializationFormat(context.getSelf()));
        this.device = new RankDevice("sparsebalance-" + runId + "-rank-" + member.device(), plane);
        answer(device.open(runId, opener));
    }

    /**
     * A rank, which opens its device at once.
     *
     * @param opener makes the worker, given the collective that it reduces with; called on the rank's device thread
     * @param ended is told when the actor has ended
     */
    public static Behavior<ToRank> create(MemberId member, String runId, RankPlane plane,
            Function<Collective, RankWorker> opener, EndListener ended) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startTimerWithFixedDelay(new ToRank.AskAgain(), ASK_AGAIN);
            return new Rank(context, member, runId, plane, opener, ended);
        }));
    }

    @Override
    public Receive<ToRank> createReceive() {
        return newReceiveBuilder().onAnyMessage(this::onMessage).onSignal(PostStop.class, signal -> onPostStop())
                .build();
    }

    private Behavior<ToRank> onMessage(ToRank message) {
        boolean over = false;
        for (RankEffect effect : logic.on(message, System.nanoTime())) {
            carryOut(effect);
            over |= effect instanceof RankEffect.End;
        }
        return over ? Behaviors.stopped() : this;
    }

    private void carryOut(RankEffect effect) {
        switch (effect) {
            case RankEffect.TellCoordinator tell -> coordinator.tell(tell.message());
            case RankEffect.TellBalancer tell -> balancer.tell(tell.message());
            case RankEffect.Obey obey -> {
                coordinator = resolver.resolveActorRef(obey.coordinator());
                balancer = obey.balancer().isEmpty() ? balancer : resolver.resolveActorRef(obey.balancer());
            }
            case RankEffect.Refuse refuse -> resolver.<ToCoordinator>resolveActorRef(refuse.coordinator())
                    .tell(refuse.message());
            case RankEffect.AbortCollective abort -> device.abort(abort.reason());
            case RankEffect.ResetDevice reset -> answer(device.reset(reset));
            case RankEffect.OfferState offer -> answer(device.offer(offer));
            case RankEffect.CopyState copy -> answer(device.copy(copy.command()));
            case RankEffect.Connect connect -> answer(device.connect(connect));
            case RankEffect.RunMicroBatch run -> answer(device.runMicroBatch(run.grant()));
            case RankEffect.ReduceEarly early -> device.lastMicroBatch(early.step(), early.numMicroBatches());
            case RankEffect.RunStepEnd run -> {
                steps++;
                answer(device.finishStep(run.command()));
            }
            case RankEffect.RunEvaluation run -> answer(device.evaluate(run.command()));
            case RankEffect.WriteCheckpoint write -> answer(device.saveCheckpoint(write.command()));
            case RankEffect.CloseDevice close -> {
                order = close.order();
                answer(device.close());
            }
            case RankEffect.End end -> {
                // The message that brought this is the last.
            }
        }
    }

    private void answer(CompletionStage<ToRank.Local> work) {
        getContext().pipeToSelf(work, (done, error) -> error == null
                ? done
                : new ToRank.DeviceFailed(new StepId("", 0, 0, 0), "working", FailureInfo.of(error)));
    }

    /** Stopped from outside, as when its node goes down: the device is released all the same. */
    private Behavior<ToRank> onPostStop() {
        if (order == null) {
            device.abort("the rank's actor was stopped");
            device.close();
        }
        ended.onEnd(Optional.ofNullable(order), steps);
        return this;
    }
}
