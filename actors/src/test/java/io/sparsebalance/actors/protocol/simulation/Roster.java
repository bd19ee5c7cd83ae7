package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.ToAgent;
import io.sparsebalance.actors.protocol.ToCoordinator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A coordinator's view of the nodes: greets those that it can reach until they answer, and tells of those that it cannot. */
final class Roster {
    private static final long PERIOD = 50 * VirtualTime.MILLI;
    /** A node that cannot be reached for so long is lost. */
    private static final long PATIENCE = 150 * VirtualTime.MILLI;

    private final World world;
    private final SimulatedCoordinator coordinator;
    private final Map<Host, Seen> seen = new LinkedHashMap<>();

    /** What is known of a node. */
    private static final class Seen {
        private final String node;
        private long reachedAt;
        private boolean answered;

        Seen(String node) {
            this.node = node;
        }
    }

    Roster(World world, SimulatedCoordinator coordinator) {
        this.world = world;
        this.coordinator = coordinator;
    }

    void start() {
        look();
        world.time().every(PERIOD, coordinator, "look at the nodes", this::look);
    }

    void onAnswer(Host host) {
        Seen known = seen.get(host);
        if (known != null) {
            known.answered = true;
            tellIfAllAnswered();
        }
    }

    private void tellIfAllAnswered() {
        if (seen.values().stream().allMatch(node -> node.answered)) {
            coordinator.tell(new ToCoordinator.AllAnswered(
                    Math.toIntExact(seen.keySet().stream().filter(Host::isWorker).count())));
        }
    }

    /** Tells every node that is known. */
    void tellAll(ToAgent.Remote message) {
        for (Host host : seen.keySet()) {
            Agent agent = world.agent(host);
            world.network().send(coordinator, agent, message, () -> agent.take(message));
        }
    }

    private void look() {
        for (Host host : world.hosts()) {
            Seen known = seen.get(host);
            if (host.isRunning() && world.network().areConnected(coordinator.host(), host)) {
                if (known == null || !known.node.equals(host.node())) {
                    lose(known);
                    known = new Seen(host.node());
                    seen.put(host, known);
                }
                known.reachedAt = world.now();
                if (!known.answered) {
                    Agent agent = world.agent(host);
                    ToAgent.Greet greet = new ToAgent.Greet(World.RUN, coordinator.term(), coordinator.address(),
                            coordinator.address(), List.of("same=yes"));
                    world.network().send(coordinator, agent, greet, () -> agent.take(greet));
                }
            } else if (known != null && world.now() - known.reachedAt > PATIENCE) {
                lose(known);
                seen.remove(host);
            }
        }
    }

    private void lose(Seen lost) {
        if (lost != null) {
            coordinator.tell(new ToCoordinator.NodeLost(lost.node, "it cannot be reached"));
        }
    }
}
