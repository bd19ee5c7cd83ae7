package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.Effect;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** The cluster's choice of a node for the coordinator: another one when it cannot be reached, sometimes also when it can. */
final class Elections {
    private static final long PERIOD = 40 * VirtualTime.MILLI;
    private static final long PATIENCE = 120 * VirtualTime.MILLI;

    private final World world;
    private long missingSince = -1;
    private boolean over;
    private Predicate<Host> eligible = host -> true;
    private Optional<Effect.End> end = Optional.empty();

    Elections(World world) {
        this.world = world;
    }

    void start() {
        elect(host -> true);
        world.time().every(PERIOD, null, "watch over the coordinator", this::look);
    }

    /** From now on only these nodes are elected. */
    void restrictTo(Predicate<Host> nodes) {
        eligible = nodes;
    }

    /** How the run ended, if a coordinator that was still in charge said so. */
    Optional<Effect.End> end() {
        return end;
    }

    /** The whole cluster is started again. */
    void begin() {
        over = false;
        end = Optional.empty();
        missingSince = -1;
        elect(host -> true);
    }

    /** The last one that was elected, if it is there and has a say. */
    Optional<SimulatedCoordinator> present() {
        List<SimulatedCoordinator> all = world.coordinators();
        return all.isEmpty() || !all.getLast().isAlive() ? Optional.empty() : Optional.of(all.getLast());
    }

    /** Has a coordinator begin on one of these nodes; whoever was before may go on, and does not know. */
    void elect(Predicate<Host> where) {
        List<Host> able = world.hosts().stream().filter(host -> host.isControl() && host.isRunning()
                && !world.agent(host).isLeaving() && where.test(host) && eligible.test(host)).toList();
        if (able.isEmpty() || over) {
            return;
        }
        SimulatedCoordinator[] elected = new SimulatedCoordinator[1];
        elected[0] = new SimulatedCoordinator(world, world.choice(able), ended -> onEnd(elected[0], ended));
        world.coordinators().add(elected[0]);
        world.trace(elected[0].host().toString(), "elected");
        elected[0].start();
    }

    private void onEnd(SimulatedCoordinator coordinator, Effect.End ended) {
        world.trace(coordinator.address(), "ends the run");
        over = true;
        end = Optional.of(ended);
    }

    private void look() {
        if (over || present().filter(coordinator -> coordinator.host().isRunning()).isPresent()) {
            missingSince = -1;
        } else if (missingSince < 0) {
            missingSince = world.now();
        } else if (world.now() - missingSince > PATIENCE) {
            missingSince = -1;
            elect(host -> true);
        }
    }
}
