package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.actors.protocol.RankEffect;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToRank;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Connections between devices: reduces, and copies of parameters. A reduce is of one generation; it ends for each rank at a time of
 * its own, so that some may have applied a step when it fails for others.
 */
@SuppressWarnings("ReferenceEquality") // it is this very piece of work that still waits, or another that equals it
final class DataPlane {
    private static final long PATIENCE = 150 * VirtualTime.MILLI;
    private static final double HALF_BROKEN = 0.5;

    private final World world;
    private final Map<SimulatedRank, Connection> connections = new HashMap<>();
    private final Map<StepId, Reduce> reduces = new HashMap<>();
    private final Map<SimulatedRank, String> offers = new HashMap<>();
    private boolean reduceFails;

    /** Of one rank, in one generation. */
    private static final class Connection {
        private final int rank;
        private final List<String> endpoints;
        /** What waits for the others; null if nothing does. */
        private RankEffect waiting;
        private boolean aborted;

        Connection(int rank, List<String> endpoints) {
            this.rank = rank;
            this.endpoints = endpoints;
        }
    }

    private record Entered(SimulatedRank rank, RankEffect.RunStepEnd work, SimulatedDevice.Gradient gradient) {}

    /** One reduce: who has come. */
    private static final class Reduce {
        private final Map<Integer, Entered> entered = new TreeMap<>();
    }

    DataPlane(World world) {
        this.world = world;
    }

    /** One rank does not get the sum of the next reduce. */
    void failReduce() {
        reduceFails = true;
    }

    void repair() {
        reduceFails = false;
    }

    void offer(SimulatedRank rank, long parameters) {
        offers.put(rank, Long.toHexString(parameters));
    }

    /** Digest of what a rank offers; null if nothing. */
    String offered(SimulatedRank rank) {
        return offers.get(rank);
    }

    void connect(SimulatedRank rank, RankEffect.Connect connect) {
        offers.remove(rank);
        Connection connection = new Connection(connect.rank(), connect.endpoints());
        connections.put(rank, connection);
        if (reachesAll(rank, connection)) {
            rank.device().done(new ToRank.Connected(connect.id()));
            return;
        }
        connection.waiting = connect;
        world.time().after(PATIENCE, rank, "connecting took too long", () -> {
            if (connection.waiting == connect) {
                connection.waiting = null;
                rank.device().done(reachesAll(rank, connection)
                        ? new ToRank.Connected(connect.id())
                        : rank.device().failed(connect, FailureKind.INPUT_OUTPUT, "a rank cannot be reached"));
            }
        });
    }

    private boolean reachesAll(SimulatedRank rank, Connection connection) {
        return connection.endpoints.stream().map(world::rankAt).allMatch(other -> other != null
                && world.network().areConnected(rank.host(), other.host()));
    }

    void reduce(SimulatedRank rank, RankEffect.RunStepEnd work, SimulatedDevice.Gradient gradient) {
        Connection connection = connections.get(rank);
        StepId id = world.is(Mutation.ACCEPT_STALE_GENERATIONS)
                ? new StepId(World.RUN, 0, 0, work.command().id().step())
                : work.command().id();
        connection.waiting = work;
        if (connection.aborted) {
            fail(rank, work, "given up");
            return;
        }
        Reduce reduce = reduces.computeIfAbsent(id, key -> new Reduce());
        reduce.entered.put(connection.rank, new Entered(rank, work, gradient));
        if (reduce.entered.size() >= connection.endpoints.size()) {
            reduces.remove(id);
            end(List.copyOf(reduce.entered.values()));
        } else {
            world.time().after(PATIENCE, rank, "reducing took too long", () -> fail(rank, work, "a rank did not come"));
        }
    }

    private void end(List<Entered> all) {
        SimulatedDevice.Gradient sum = all.stream().map(Entered::gradient).reduce(SimulatedDevice.Gradient::plus)
                .orElseThrow();
        Entered unlucky = null;
        if (reduceFails) {
            reduceFails = false;
            unlucky = world.choice(all);
            world.fired(FaultKind.REDUCE_FAILED);
        }
        for (Entered one : all) {
            boolean fails = one == unlucky;
            world.time().after(world.nanos(50 * VirtualTime.MICRO, 5 * VirtualTime.MILLI), one.rank(), "reduced",
                    () -> {
                        if (fails || (isBroken(one.rank(), all) && world.chance(HALF_BROKEN))) {
                            fail(one.rank(), one.work(), "a connection broke");
                        } else if (stillWaits(one.rank(), one.work())) {
                            connections.get(one.rank()).waiting = null;
                            one.rank().device().reduced(one.work(), sum);
                        }
                    });
        }
    }

    private boolean isBroken(SimulatedRank rank, List<Entered> all) {
        return all.stream().anyMatch(other -> !other.rank().isAlive()
                || !world.network().areConnected(rank.host(), other.rank().host()));
    }

    private boolean stillWaits(SimulatedRank rank, RankEffect work) {
        return connections.get(rank).waiting == work;
    }

    /** Makes what waits for others fail, and forgets that it came. */
    void abort(SimulatedRank rank) {
        Connection connection = connections.get(rank);
        if (connection != null) {
            connection.aborted = true;
            if (connection.waiting != null) {
                fail(rank, connection.waiting, "given up");
            }
        }
    }

    private void fail(SimulatedRank rank, RankEffect work, String why) {
        Connection connection = connections.get(rank);
        if (connection.waiting == work) {
            connection.waiting = null;
            reduces.values().forEach(reduce -> reduce.entered.values().removeIf(entered -> entered.rank() == rank));
            rank.device().done(rank.device().failed(work, FailureKind.COLLECTIVE, why));
        }
    }
}
