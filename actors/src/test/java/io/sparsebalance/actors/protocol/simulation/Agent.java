package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;

/** What a node does for its rank: opens it for whichever coordinator greets, opens it again, and lets it go when the node leaves. */
final class Agent extends Party {
    private static final long AGAIN = 50 * VirtualTime.MILLI;

    private final World world;
    private SimulatedRank rank;
    private int openings;
    private long greetedTerm;
    private String coordinator = "";
    private boolean leaving;

    Agent(World world, Host host) {
        super(host);
        this.world = world;
    }

    SimulatedRank rank() {
        return rank;
    }

    boolean isLeaving() {
        return leaving;
    }

    /** Obeys a coordinator that is not older than the one it knows. */
    void onGreet(SimulatedCoordinator from) {
        if (from.term() < greetedTerm) {
            return;
        }
        boolean newTerm = from.term() > greetedTerm;
        greetedTerm = from.term();
        coordinator = from.address();
        if (newTerm && rank == null && !leaving) {
            open();
        }
        world.network().send(this, from, "node " + host().node() + " is there",
                () -> from.roster().onAnswer(host()));
        enlist();
    }

    private void open() {
        if (host().isWorker()) {
            openings++;
            String node = openings == 1 ? host().node() : host().node() + "." + openings;
            rank = new SimulatedRank(world, host(), new MemberId(node, 0), this);
            rank.open();
        }
    }

    private void enlist() {
        if (rank != null && rank.isAlive()) {
            SimulatedRank enlisted = rank;
            ToRank.Enlist message = new ToRank.Enlist(World.RUN, greetedTerm, coordinator);
            world.time().after(world.nanos(VirtualTime.MICRO, 50 * VirtualTime.MICRO), enlisted, message,
                    () -> enlisted.take(message));
        }
    }

    /** @param again whether the device is to be opened again */
    void onRankEnded(boolean again) {
        for (SimulatedCoordinator watching : world.coordinators()) {
            watching.watch().ended(rank);
        }
        rank = null;
        if (leaving) {
            host().crash();
        } else if (again) {
            open();
            enlist();
        }
    }

    /** Asks to be let go, until it is. */
    void leave() {
        leaving = true;
        world.time().every(AGAIN, this, "leaving", () -> {
            SimulatedCoordinator told = world.coordinatorAt(coordinator);
            if (rank == null) {
                host().crash();
            } else if (told != null) {
                ToCoordinator message = new ToCoordinator.NodeLeaving(rank.member().node());
                world.network().send(this, told, message, () -> told.take(message));
            }
        });
    }
}
