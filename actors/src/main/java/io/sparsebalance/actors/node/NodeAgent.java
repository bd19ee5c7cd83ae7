package io.sparsebalance.actors.node;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.actors.protocol.ToRoster;
import io.sparsebalance.actors.training.Rank;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingFailedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.actor.typed.receptionist.ServiceKey;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.ClusterSingleton;
import org.apache.pekko.cluster.typed.JoinSeedNodes;
import org.apache.pekko.cluster.typed.SingletonActor;

/**
 * The root of a node's actors: joins the cluster, makes ranks for whichever coordinator asks, and ends the node when the run ends
 * or the node leaves it.
 */
final class NodeAgent extends AbstractBehavior<ToAgent> {
    /** Where coordinators find agents. */
    static final ServiceKey<ToAgent> KEY = ServiceKey.create(ToAgent.class, "sparsebalance-node-agent");
    private static final Duration AGAIN = Duration.ofMillis(500);
    private static final int MAX_OPENINGS = 4;

    private final NodeParts parts;
    private final ActorRefResolver resolver;
    private final String node;
    private final Map<Integer, ActorRef<ToRank>> ranks = new TreeMap<>();
    private final Map<Integer, Integer> openings = new TreeMap<>();
    private ToAgent.Greet greeting;
    private boolean leaving;
    private boolean stopping;
    private boolean ended;

    private NodeAgent(ActorContext<ToAgent> context, NodeParts parts) {
        super(context);
        this.parts = parts;
        this.resolver = ActorRefResolver.get(context.getSystem());
        Cluster cluster = Cluster.get(context.getSystem());
        Member self = cluster.selfMember();
        this.node = self.address().getHost().orElse("") + ":" + self.address().getPort().orElse(0) + "#"
                + Long.toHexString(self.uniqueAddress().longUid());
        if (parts.config().cluster().roles().contains(TrainingConfig.Role.CONTROL)) {
            ClusterSingleton.get(context.getSystem())
                    .init(SingletonActor.of(CoordinatorHome.create(parts, node, context.getSelf()), "coordinator"));
        }
        context.getSystem().receptionist().tell(Receptionist.register(KEY, context.getSelf()));
        cluster.manager().tell(new JoinSeedNodes(ClusterSettings.seeds(parts.config().cluster(), self.address())));
        parts.listener().onReady(
                self.address().getHost().orElse("") + ":" + self.address().getPort().orElse(0));
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
        if (!ended) {
            switch (message) {
                case ToAgent.Greet greet -> onGreet(greet);
                case ToAgent.RunEnded end -> onRunEnded(end);
                case ToAgent.Leave leave -> onLeave();
                case ToAgent.StopRun stop -> onStopRun();
                case ToAgent.RankEnded rank -> onRankEnded(rank);
                case ToAgent.Expelled expelled -> end(NodeEnd.Kind.EXPELLED,
                        Optional.of(new TrainingFailedException(expelled.reason(), null)), 0, "");
                case ToAgent.Again again -> {
                    parts.health().sign(takesPart());
                    onAgain();
                }
            }
        }
        return this;
    }

    /** Joined, found like the others, and with all the ranks that it is to have. */
    private boolean takesPart() {
        boolean works = parts.config().cluster().roles().contains(TrainingConfig.Role.WORKER);
        return greeting != null && !leaving && (!works || ranks.size() == parts.config().run().ranks());
    }

    private void onGreet(ToAgent.Greet greet) {
        if (greeting != null && greet.term() < greeting.term()) {
            return;
        }
        ActorRef<ToRoster> roster = resolver.resolveActorRef(greet.roster());
        List<String> differences = NodeFacts.differences(parts.facts(), greet.facts());
        if (!differences.isEmpty()) {
            roster.tell(new ToRoster.NodeRefused(node, differences));
            end(NodeEnd.Kind.REFUSED, Optional.of(new ConfigException("this node is not like the others: "
                    + String.join("; ", differences) + ". Give all nodes the same configuration, data and version")), 0,
                    "");
            return;
        }
        greeting = greet;
        if (!leaving && ranks.isEmpty() && openings.isEmpty()) {
            openRanks();
        }
        roster.tell(new ToRoster.NodeReady(node, resolver.toSerializationFormat(getContext().getSelf()), ranks.size()));
        ranks.values().forEach(this::enlist);
        onAgain();
    }

    private void openRanks() {
        if (parts.config().cluster().roles().contains(TrainingConfig.Role.WORKER)) {
            for (int device = 0; device < parts.config().run().ranks(); device++) {
                openRank(device);
            }
        }
    }

    private void openRank(int device) {
        int opening = openings.merge(device, 1, Integer::sum);
        // A device that is opened again is another member: what the first one knew is gone.
        MemberId member = new MemberId(opening == 1 ? node : node + "." + opening, device);
        ActorRef<ToAgent> self = getContext().getSelf();
        ActorRef<ToRank> rank;
        try {
            rank = getContext().spawn(parts.hooks().messages(ToRank.class, Rank.create(member,
                    parts.config().cluster().run(), parts.planes().open(parts.config()),
                    collective -> parts.hooks().worker(parts.run().workers().create(device, collective)),
                    again -> self.tell(new ToAgent.RankEnded(device, again)))),
                    "rank-" + device + "-" + opening);
        } catch (IOException e) {
            throw new UncheckedIOException("the data plane of rank " + device + " cannot listen", e);
        }
        ranks.put(device, rank);
    }

    private void enlist(ActorRef<ToRank> rank) {
        rank.tell(new ToRank.Enlist(greeting.runId(), greeting.term(), greeting.coordinator()));
    }

    private void onRankEnded(ToAgent.RankEnded fact) {
        int device = fact.device();
        ranks.remove(device);
        if (leaving) {
            leaveIfAlone();
        } else if (!fact.again()) {
            // The coordinator has no more use for it: the run ends, and will be told to have ended.
            return;
        } else if (openings.get(device) < MAX_OPENINGS) {
            parts.listener().onNotice("rank " + device + " of this node ended; its device is opened again");
            openRank(device);
            enlist(ranks.get(device));
        } else if (ranks.isEmpty()) {
            end(NodeEnd.Kind.EXPELLED, Optional.of(new TrainingFailedException("every device of this node has failed "
                    + MAX_OPENINGS + " times; look at its log for why", null)), 0, "");
        }
    }

    private void onLeave() {
        leaving = true;
        leaveIfAlone();
        onAgain();
    }

    private void leaveIfAlone() {
        if (ranks.isEmpty() || greeting == null) {
            end(NodeEnd.Kind.LEFT, Optional.empty(), 0, "");
        }
    }

    private void onStopRun() {
        stopping = true;
        if (greeting == null) {
            end(NodeEnd.Kind.RUN_STOPPED, Optional.empty(), 0, "");
        }
        onAgain();
    }

    private void onAgain() {
        if (ended || greeting == null || (!leaving && !stopping)) {
            return;
        }
        ActorRef<ToCoordinator> coordinator = resolver.resolveActorRef(greeting.coordinator());
        if (stopping) {
            coordinator.tell(new ToCoordinator.Stop());
        } else {
            coordinator.tell(new ToCoordinator.NodeLeaving(node));
        }
    }

    private void onRunEnded(ToAgent.RunEnded end) {
        end(end.stopped() ? NodeEnd.Kind.RUN_STOPPED : NodeEnd.Kind.RUN_ENDED,
                end.failure().map(FailureInfo::toException), end.steps(), end.digest());
    }

    private void end(NodeEnd.Kind kind, Optional<RuntimeException> failure, long steps, String digest) {
        ended = true;
        parts.ended().accept(new NodeEnd(kind, failure, steps, digest));
    }
}
