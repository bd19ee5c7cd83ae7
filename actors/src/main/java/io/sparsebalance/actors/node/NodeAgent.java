package io.sparsebalance.actors.node;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.AgentEffect;
import io.sparsebalance.actors.protocol.AgentLogic;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.protocol.ToRoster;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.actors.training.Rank;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.ClusterSingleton;
import org.apache.pekko.cluster.typed.Down;
import org.apache.pekko.cluster.typed.JoinSeedNodes;
import org.apache.pekko.cluster.typed.SelfUp;
import org.apache.pekko.cluster.typed.SingletonActor;
import org.apache.pekko.cluster.typed.Subscribe;

/**
 * The root of a node's actors: joins the cluster, makes ranks for whichever coordinator asks, and ends the node when the run ends
 * or the node leaves it.
 */
final class NodeAgent extends AbstractBehavior<ToAgent> {
    /** Where coordinators find agents. */
    static final ServiceKey<ToAgent> KEY = ServiceKey.create(ToAgent.class, "sparsebalance-node-agent");
    private static final Duration AGAIN = Duration.ofMillis(500);

    private final NodeParts parts;
    private final ActorRefResolver resolver;
    private final AgentLogic logic;
    private final Map<MemberId, ActorRef<ToRank>> ranks = new HashMap<>();

    private NodeAgent(ActorContext<ToAgent> context, NodeParts parts) {
        super(context);
        this.parts = parts;
        this.resolver = ActorRefResolver.get(context.getSystem());
        Cluster cluster = Cluster.get(context.getSystem());
        Member self = cluster.selfMember();
        String node = name(self);
        boolean works = parts.config().cluster().roles().contains(TrainingConfig.Role.WORKER);
        this.logic = new AgentLogic(new AgentLogic.Node(node, resolver.toSerializationFormat(context.getSelf()),
                works ? parts.config().run().ranks() : 0, parts.facts()));
        if (parts.config().cluster().roles().contains(TrainingConfig.Role.CONTROL)) {
            ClusterSingleton.get(context.getSystem())
                    .init(SingletonActor.of(CoordinatorHome.create(parts, node, context.getSelf()), "coordinator"));
        }
        // Found by the others only once it is a full member: the majority is counted among those, and a node that worked
        // before would not count when another is lost.
        cluster.subscriptions().tell(Subscribe.create(context.messageAdapter(SelfUp.class, up -> {
            context.getSystem().receptionist().tell(Receptionist.register(KEY, context.getSelf()));
            return new ToAgent.Again();
        }), SelfUp.class));
        // Whoever is downed ends at once: the cluster's own shutdown spreads the word first, which may take seconds.
        cluster.subscriptions().tell(Subscribe.create(
                context.messageAdapter(ClusterEvent.MemberDowned.class,
                        downed -> downed.member().uniqueAddress().equals(self.uniqueAddress())
                                ? new ToAgent.Expelled(NodeHost.LEFT_BEHIND)
                                : new ToAgent.Again()),
                ClusterEvent.MemberDowned.class));
        context.spawn(QuorumWatch.create(ClusterSettings.quorum(parts.config().cluster()), context.getSelf()),
                "quorum");
        cluster.manager().tell(new JoinSeedNodes(ClusterSettings.seeds(parts.config().cluster(), self.address())));
        parts.listener().onReady(node);
    }

    /** Tells processes at one address apart. */
    static String name(Member member) {
        return member.address().getHost().orElse("") + ":" + member.address().getPort().orElse(0) + "#"
                + Long.toHexString(member.uniqueAddress().longUid());
    }

    static Behavior<ToAgent> create(NodeParts parts) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startTimerWithFixedDelay(new ToAgent.Again(), AGAIN);
            return new NodeAgent(context, parts);
        }));
    }

    @Override
    public Receive<ToAgent> createReceive() {
        return newReceiveBuilder().onAnyMessage(this::onMessage).build();
    }

    private Behavior<ToAgent> onMessage(ToAgent message) {
        if (message instanceof ToAgent.RankEnded rank) {
            ranks.remove(rank.member());
        }
        logic.on(message).forEach(this::carryOut);
        if (message instanceof ToAgent.Again) {
            parts.health().sign(logic.takesPart());
            endIfTooLate();
        }
        return this;
    }

    /** The run may end while this node starts: then nobody is left to join, and nobody to tell it. */
    private void endIfTooLate() {
        Path run = SharedRun.path(parts.config());
        if (!logic.isGreeted() && SharedRun.hasEnded(run)) {
            getContext().getSelf().tell(new ToAgent.Expelled(SharedRun.whyOver(run)));
        }
    }

    private void carryOut(AgentEffect effect) {
        switch (effect) {
            case AgentEffect.TellRoster tell ->
                resolver.<ToRoster>resolveActorRef(tell.roster()).tell(tell.message());
            case AgentEffect.TellCoordinator tell ->
                resolver.<ToCoordinator>resolveActorRef(tell.coordinator()).tell(tell.message());
            case AgentEffect.OpenRank open -> openRank(open.member());
            case AgentEffect.Enlist enlist -> ranks.get(enlist.member()).tell(enlist.message());
            case AgentEffect.TakeOut other -> {
                Cluster cluster = Cluster.get(getContext().getSystem());
                for (Member member : cluster.state().getMembers()) {
                    if (name(member).equals(other.node())) {
                        cluster.manager().tell(new Down(member.address()));
                    }
                }
            }
            case AgentEffect.Notice notice -> parts.listener().onNotice(notice.text());
            case AgentEffect.EndWithRun end -> end(
                    end.how().stopped() ? NodeEnd.Kind.RUN_STOPPED : NodeEnd.Kind.RUN_ENDED,
                    end.how().failure().map(FailureInfo::toException), end.how().steps(), end.how().digest());
            case AgentEffect.EndLeft end -> end(NodeEnd.Kind.LEFT, Optional.empty(), 0, "");
            case AgentEffect.EndRefused end -> end(NodeEnd.Kind.REFUSED,
                    Optional.of(new ConfigException("this node is not like the others: "
                            + String.join("; ", end.differences())
                            + ". Give all nodes the same configuration, data and version")),
                    0, "");
            case AgentEffect.EndExpelled end -> end(NodeEnd.Kind.EXPELLED,
                    Optional.of(new TrainingFailedException(end.reason(), null)), 0, "");
        }
    }

    private void openRank(MemberId member) {
        ActorRef<ToAgent> self = getContext().getSelf();
        int device = member.device();
        try {
            ranks.put(member, getContext().spawn(parts.hooks().messages(ToRank.class, Rank.create(member,
                    parts.config().cluster().run(), parts.planes().open(parts.config()),
                    collective -> parts.hooks().worker(parts.run().workers().create(device, collective)),
                    (order, steps) -> self.tell(new ToAgent.RankEnded(member, order, steps)))),
                    "rank-" + device + "-" + member.opening()));
        } catch (IOException e) {
            end(NodeEnd.Kind.EXPELLED, Optional.of(new TrainingFailedException("rank " + device
                    + " of this node cannot listen for gradients: " + e.getMessage()
                    + ". Start the node again, with another cluster.data-port if one is set", e)), 0, "");
        }
    }

    private void end(NodeEnd.Kind kind, Optional<RuntimeException> failure, long steps, String digest) {
        parts.ended().accept(new NodeEnd(kind, failure, steps, digest));
    }
}
