package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.ToCoordinator;

/** Tells a coordinator of members that have ended without a word; unlike a message, this is said until it arrives. */
final class Watch {
    private static final long AGAIN = 20 * VirtualTime.MILLI;

    private final World world;
    private final SimulatedCoordinator coordinator;

    Watch(World world, SimulatedCoordinator coordinator) {
        this.world = world;
        this.coordinator = coordinator;
    }

    void ended(SimulatedRank rank) {
        world.time().after(world.nanos(VirtualTime.MILLI, AGAIN), coordinator, "end of " + rank, () -> {
            if (coordinator.route(rank.member()) == rank) {
                if (world.network().areConnected(coordinator.host(), rank.host())) {
                    coordinator.tell(new ToCoordinator.RankGone(rank.member()));
                } else {
                    ended(rank);
                }
            }
        });
    }
}
