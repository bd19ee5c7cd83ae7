package io.sparsebalance.actors.protocol.simulation;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/** What all parts of a simulated run share: chance, time, network, disk, and what is looked at. */
final class World {
    static final String RUN = "run";

    private final Knobs knobs;
    private final Mutation mutation;
    private final Trace trace;
    private final Random random;
    private final Tally tally = new Tally();
    private final VirtualTime time = new VirtualTime();
    private final VirtualDisk disk;
    private final Network network;
    private final DataPlane plane;
    private final Oracle oracle;
    private final List<Host> hosts = new ArrayList<>();
    private final Map<Host, Agent> agents = new TreeMap<>((one, other) -> Integer.compare(one.index(), other.index()));
    private final List<SimulatedCoordinator> coordinators = new ArrayList<>();
    /** Steps whose gradient was spoiled by a fault. */
    private final Set<Long> spoiled = new HashSet<>();

    World(Knobs knobs, Mutation mutation, Reference reference, Trace trace) {
        this.knobs = knobs;
        this.mutation = mutation;
        this.trace = trace;
        this.random = new Random(knobs.seed());
        this.disk = new VirtualDisk(this);
        this.network = new Network(this);
        this.plane = new DataPlane(this);
        this.oracle = new Oracle(this, reference);
    }

    Knobs knobs() {
        return knobs;
    }

    /** Notes that a step's gradient is not finite by a fault; false if it was so before. */
    boolean spoil(long step) {
        return spoiled.add(step);
    }

    boolean is(Mutation rule) {
        return mutation == rule;
    }

    Tally tally() {
        return tally;
    }

    VirtualTime time() {
        return time;
    }

    long now() {
        return time.now();
    }

    VirtualDisk disk() {
        return disk;
    }

    Network network() {
        return network;
    }

    DataPlane plane() {
        return plane;
    }

    Oracle oracle() {
        return oracle;
    }

    List<Host> hosts() {
        return hosts;
    }

    Agent agent(Host host) {
        return agents.get(host);
    }

    /** Adds a node, or the present process of one that was started again. */
    void run(Host host) {
        if (!hosts.contains(host)) {
            hosts.add(host);
        }
        agents.put(host, new Agent(this, host));
    }

    /** Kills a node; what its disk writes become is the disk's affair. */
    void crash(Host host) {
        trace(host.toString(), "KILLED");
        for (SimulatedCoordinator coordinator : coordinators) {
            if (coordinator.host() == host && coordinator.hasTerm()) {
                disk.writerDown(coordinator.term());
            }
        }
        disk.checkpointWriterDown();
        host.crash();
    }

    /** All that there were, in the order of their election. */
    List<SimulatedCoordinator> coordinators() {
        return coordinators;
    }

    /** The coordinator at an address; null if it is gone. */
    SimulatedCoordinator coordinatorAt(String address) {
        for (SimulatedCoordinator coordinator : coordinators) {
            if (coordinator.isAlive() && coordinator.address().equals(address)) {
                return coordinator;
            }
        }
        return null;
    }

    /** The rank at an address; null if it is gone. */
    SimulatedRank rankAt(String address) {
        for (Agent agent : agents.values()) {
            SimulatedRank rank = agent.rank();
            if (rank != null && rank.isAlive() && rank.address().equals(address)) {
                return rank;
            }
        }
        return null;
    }

    boolean chance(double probability) {
        return probability > 0 && random.nextDouble() < probability;
    }

    int choice(int bound) {
        return random.nextInt(bound);
    }

    <T> T choice(List<T> among) {
        return among.get(random.nextInt(among.size()));
    }

    /** A time between two, mostly nearer to the shorter. */
    long nanos(long least, long most) {
        double share = random.nextDouble();
        return least + (long) ((most - least) * share * share);
    }

    void fired(FaultKind kind) {
        tally.fired(kind);
    }

    void trace(String who, Object what) {
        trace.note(now(), who, what);
    }

    /** Mixes numbers; the order matters. */
    static long hash(long... values) {
        long hash = 0x51_7C_C1_B7_27_22_0A_95L;
        for (long value : values) {
            hash = (hash ^ value) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        return hash;
    }
}
