package io.sparsebalance.actors.node;

import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRoster;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.AbstractBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.Receive;
import org.apache.pekko.actor.typed.receptionist.Receptionist;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Subscribe;

/**
 * The coordinator's list of nodes: greets every agent that can be reached, and tells the coordinator of nodes that cannot be
 * reached any more.
 */
final class Roster extends AbstractBehavior<ToRoster> {
    private static final Duration AGAIN = Duration.ofMillis(500);

    private final String runId;
    private final long term;
    private final List<String> facts;
    private final NodeListener listener;
    private final ActorRefResolver resolver;
    /** Agents that can be reached, with the names of their nodes once they have answered. */
    private final Map<ActorRef<ToAgent>, String> agents = new HashMap<>();
    private final Map<ActorRef<ToAgent>, Integer> numRanks = new HashMap<>();
    private final Set<ActorRef<ToAgent>> silent = new HashSet<>();
    private final Set<String> refused = new HashSet<>();
    private ActorRef<ToCoordinator> coordinator;

    private Roster(ActorContext<ToRoster> context, String runId, long term, List<String> facts,
            NodeListener listener) {
        super(context);
        this.runId = runId;
        this.term = term;
        this.facts = facts;
        this.listener = listener;
        this.resolver = ActorRefResolver.get(context.getSystem());
        context.getSystem().receptionist()
                .tell(Receptionist.subscribe(NodeAgent.KEY, context.messageAdapter(Receptionist.Listing.class,
                        listing -> new ToRoster.Reachable(listing.getServiceInstances(NodeAgent.KEY).stream()
                                .map(resolver::toSerializationFormat).toList()))));
        Cluster.get(context.getSystem()).subscriptions()
                .tell(Subscribe.create(context.messageAdapter(ClusterEvent.MemberDowned.class,
                        downed -> new ToRoster.NodeDowned(NodeAgent.name(downed.member()))),
                        ClusterEvent.MemberDowned.class));
    }

    static Behavior<ToRoster> create(String runId, long term, List<String> facts, NodeListener listener) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            timers.startTimerWithFixedDelay(new ToRoster.Again(), AGAIN);
            return new Roster(context, runId, term, facts, listener);
        }));
    }

    @Override
    public Receive<ToRoster> createReceive() {
        return newReceiveBuilder().onAnyMessage(this::onMessage).build();
    }

    private Behavior<ToRoster> onMessage(ToRoster message) {
        switch (message) {
            case ToRoster.Begin begin -> {
                coordinator = resolver.resolveActorRef(begin.coordinator());
                silent.forEach(this::greet);
            }
            case ToRoster.Reachable reachable -> onReachable(reachable);
            case ToRoster.NodeReady ready -> onNodeReady(ready);
            case ToRoster.NodeRefused node -> onNodeRefused(node);
            case ToRoster.NodeDowned downed -> {
                if (coordinator != null) {
                    coordinator.tell(new ToCoordinator.NodeLost(downed.node(), "it was taken out of the cluster"));
                }
            }
            case ToRoster.Again again -> silent.forEach(this::greet);
            case ToRoster.TellAll tell -> agents.keySet().forEach(agent -> agent.tell(tell.message()));
        }
        return this;
    }

    private void onReachable(ToRoster.Reachable reachable) {
        Set<ActorRef<ToAgent>> now = new HashSet<>();
        for (String address : reachable.agents()) {
            now.add(resolver.resolveActorRef(address));
        }
        for (ActorRef<ToAgent> gone : Set.copyOf(agents.keySet())) {
            if (!now.contains(gone)) {
                String node = agents.remove(gone);
                silent.remove(gone);
                numRanks.remove(gone);
                if (!node.isEmpty() && coordinator != null) {
                    coordinator.tell(new ToCoordinator.NodeLost(node, "it cannot be reached"));
                }
            }
        }
        for (ActorRef<ToAgent> agent : now) {
            if (agents.putIfAbsent(agent, "") == null) {
                silent.add(agent);
                greet(agent);
            }
        }
        tellIfAllAnswered();
    }

    private void tellIfAllAnswered() {
        if (coordinator != null && !agents.isEmpty() && silent.isEmpty()) {
            coordinator.tell(new ToCoordinator.AllAnswered(
                    numRanks.values().stream().mapToInt(Integer::intValue).sum()));
        }
    }

    private void greet(ActorRef<ToAgent> agent) {
        if (coordinator != null) {
            agent.tell(new ToAgent.Greet(runId, term, resolver.toSerializationFormat(coordinator),
                    resolver.toSerializationFormat(getContext().getSelf()), facts));
        }
    }

    private void onNodeReady(ToRoster.NodeReady ready) {
        ActorRef<ToAgent> agent = resolver.resolveActorRef(ready.agent());
        if (agents.containsKey(agent)) {
            silent.remove(agent);
            numRanks.put(agent, ready.numRanks());
            if (!ready.node().equals(agents.put(agent, ready.node()))) {
                listener.onNotice("node " + ready.node() + " is there, with " + ready.numRanks() + " rank(s)");
            }
            tellIfAllAnswered();
        }
    }

    private void onNodeRefused(ToRoster.NodeRefused node) {
        if (refused.add(node.node())) {
            listener.onNotice("node " + node.node() + " is not like the others and was refused: "
                    + String.join("; ", node.differences()));
        }
    }
}
