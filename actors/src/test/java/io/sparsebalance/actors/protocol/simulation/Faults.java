package io.sparsebalance.actors.protocol.simulation;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;

/** Brings about the faults that a seed asks for, and in the end heals enough nodes to go on with. */
final class Faults {
    private static final int MAX_HOSTS = 7;
    /** Those that come about by the network's or the disk's own chance. */
    private static final Set<FaultKind> OF_ITSELF = EnumSet.of(FaultKind.MESSAGE_LOST, FaultKind.MESSAGE_DUPLICATED,
            FaultKind.MESSAGE_REORDERED, FaultKind.MESSAGE_DELAYED, FaultKind.RANK_RESTART, FaultKind.PARTITION_HEALED,
            FaultKind.DISK_LOST_WRITES, FaultKind.DISK_TORN_TAIL);

    private final World world;
    private final Elections elections;
    private final List<FaultKind> kinds;
    private int left;
    private boolean healing;
    /** Nodes that are not healed. */
    private final List<Host> forsaken = new ArrayList<>();

    Faults(World world, Elections elections) {
        this.world = world;
        this.elections = elections;
        this.kinds = world.knobs().faults().stream().filter(kind -> !OF_ITSELF.contains(kind)).toList();
        this.left = kinds.isEmpty() ? 0 : world.knobs().numFaults();
    }

    /** Perhaps begins one; true if more are to come. */
    boolean maybe() {
        if (left > 0 && world.chance(world.knobs().faultRate())) {
            left--;
            FaultKind kind = world.choice(kinds);
            world.trace("fault", kind);
            if (begin(kind)) {
                world.fired(kind);
            }
        }
        return left > 0;
    }

    /** True if it has happened now; some happen later, if what they wait for comes, and are counted then. */
    private boolean begin(FaultKind kind) {
        return switch (kind) {
            case RANK_CRASH -> crash(Host::isWorker);
            case RANK_PAUSE -> pause(Host::isWorker, 10, 700);
            case COORDINATOR_CRASH -> crash(this::coordinates);
            case COORDINATOR_PAUSE -> pause(this::coordinates, 200, 1500) && electSoon(host -> true);
            case SECOND_COORDINATOR -> {
                elections.elect(host -> !coordinates(host));
                yield true;
            }
            case JOIN -> join();
            case LEAVE -> leave();
            case PARTITION_SYMMETRIC -> partition();
            case PARTITION_ONE_WAY -> blockOneWay();
            case DISK_FULL -> {
                world.disk().full(true);
                later(5, 400, () -> world.disk().full(false));
                yield true;
            }
            case DISK_FORCE_FAILED -> {
                world.disk().failForce();
                yield false;
            }
            case CRASH_BETWEEN_WRITES -> {
                elections.present().map(SimulatedCoordinator::journal).ifPresent(Journal::crashSoon);
                yield false;
            }
            case POWER_CUT -> powerCut();
            case CRASH_IN_CHECKPOINT -> toDevice(SimulatedDevice::crashInCheckpoint, false);
            case DEVICE_FAILED -> toDevice(SimulatedDevice::failSoon, false);
            case GRADIENT_SPOILED -> toDevice(SimulatedDevice::spoilSoon, false);
            case DEVICE_SLOW -> toDevice(device -> {
                device.slow(true);
                later(50, 800, () -> device.slow(false));
            }, true);
            case REDUCE_FAILED -> {
                world.plane().failReduce();
                yield false;
            }
            case MESSAGE_LOST, MESSAGE_DUPLICATED, MESSAGE_REORDERED, MESSAGE_DELAYED, RANK_RESTART, PARTITION_HEALED,
                    DISK_LOST_WRITES, DISK_TORN_TAIL ->
                throw new IllegalStateException(kind + " comes of itself");
        };
    }

    private boolean coordinates(Host host) {
        return elections.present().filter(coordinator -> coordinator.host() == host).isPresent();
    }

    private List<Host> running(Predicate<Host> which) {
        return world.hosts().stream().filter(host -> host.isRunning() && which.test(host)).toList();
    }

    /** Something that ends or undoes a fault; after the healing there is nothing to undo. */
    private void later(long leastMillis, long mostMillis, Runnable undo) {
        world.time().after(world.nanos(leastMillis * VirtualTime.MILLI, mostMillis * VirtualTime.MILLI), null,
                "end of a fault", () -> {
                    if (!healing) {
                        undo.run();
                    }
                });
    }

    private boolean crash(Predicate<Host> which) {
        List<Host> able = running(which);
        if (able.isEmpty()) {
            return false;
        }
        Host host = world.choice(able);
        world.crash(host);
        if (world.chance(0.7)) {
            later(5, 600, () -> restart(host));
        }
        return true;
    }

    private void restart(Host host) {
        if (!host.isUp() && !world.agent(host).isLeaving()) {
            world.fired(FaultKind.RANK_RESTART);
            host.restart();
            world.run(host);
        }
    }

    private boolean pause(Predicate<Host> which, long leastMillis, long mostMillis) {
        List<Host> able = running(which);
        if (able.isEmpty()) {
            return false;
        }
        Host host = world.choice(able);
        host.pause();
        later(leastMillis, mostMillis, () -> resume(host));
        return true;
    }

    private void resume(Host host) {
        if (host.isPaused()) {
            host.resume().forEach(late -> world.time().at(world.now(), late.party(), late.remote(), late.what(),
                    late.action()));
        }
    }

    private boolean electSoon(Predicate<Host> where) {
        later(100, 300, () -> elections.elect(where));
        return true;
    }

    private boolean join() {
        if (world.hosts().size() >= MAX_HOSTS) {
            return false;
        }
        world.run(new Host(world.hosts().size(), true, world.knobs().numControls() == 0));
        return true;
    }

    private boolean leave() {
        List<Host> able = running(host -> host.isWorker() && !world.agent(host).isLeaving());
        if (able.size() <= Math.max(2, world.knobs().numLeast())) {
            return false;
        }
        world.agent(world.choice(able)).leave();
        return true;
    }

    private boolean partition() {
        List<Host> one = new ArrayList<>();
        List<Host> other = new ArrayList<>();
        world.hosts().forEach(host -> (world.chance(0.5) ? one : other).add(host));
        for (Host from : one) {
            for (Host to : other) {
                world.network().block(new Network.Link(from.index(), to.index()));
                world.network().block(new Network.Link(to.index(), from.index()));
            }
        }
        later(20, 1000, this::healNetwork);
        if (world.chance(0.7)) {
            List<Host> larger = one.size() > other.size() ? one : other;
            electSoon(larger::contains);
        }
        return true;
    }

    private boolean blockOneWay() {
        Host host = world.choice(world.hosts());
        boolean outgoing = world.chance(0.5);
        for (Host other : world.hosts()) {
            if (other != host && world.chance(0.6)) {
                world.network().block(outgoing
                        ? new Network.Link(host.index(), other.index())
                        : new Network.Link(other.index(), host.index()));
            }
        }
        later(20, 800, this::healNetwork);
        return true;
    }

    private void healNetwork() {
        world.fired(FaultKind.PARTITION_HEALED);
        world.network().unblockAll();
    }

    private boolean powerCut() {
        world.hosts().stream().filter(Host::isUp).forEach(world::crash);
        world.disk().powerCut();
        world.hosts().forEach(host -> later(5, 100, () -> restart(host)));
        return true;
    }

    private boolean toDevice(java.util.function.Consumer<SimulatedDevice> what, boolean now) {
        List<Host> able = running(host -> world.agent(host).rank() != null);
        if (!able.isEmpty()) {
            what.accept(world.agent(world.choice(able)).rank().device());
        }
        return now && !able.isEmpty();
    }

    /** No fault any more: some nodes are as good as new, the others are cut off, and a coordinator is among the former. */
    void heal() {
        world.trace("fault", "HEALING");
        healing = true;
        left = 0;
        world.disk().repair();
        world.plane().repair();
        world.coordinators().stream().map(SimulatedCoordinator::journal).filter(Objects::nonNull)
                .forEach(Journal::repair);
        world.hosts().stream().map(host -> world.agent(host).rank()).filter(Objects::nonNull)
                .forEach(rank -> rank.device().repair());
        world.network().quality(Knobs.Messages.GOOD);
        world.network().unblockAll();
        List<Host> able = new ArrayList<>(
                world.hosts().stream().filter(host -> !world.agent(host).isLeaving()).toList());
        for (Host host : List.copyOf(able)) {
            able.remove(host);
            boolean enough = able.stream().filter(Host::isWorker).count() >= world.knobs().numLeast()
                    && able.stream().anyMatch(Host::isControl);
            if (enough && !world.knobs().faults().isEmpty() && world.chance(0.3)) {
                forsake(host);
            } else {
                able.add(host);
            }
        }
        for (Host host : able) {
            resume(host);
            restart(host);
        }
        elections.restrictTo(able::contains);
        if (elections.end().isEmpty() && elections.present().filter(now -> able.contains(now.host())).isEmpty()) {
            elections.elect(host -> true);
        }
    }

    private void forsake(Host host) {
        forsaken.add(host);
        if (world.chance(0.5)) {
            world.crash(host);
        } else {
            resume(host);
            isolate(host);
        }
    }

    private void isolate(Host host) {
        for (Host other : world.hosts()) {
            world.network().block(new Network.Link(host.index(), other.index()));
            world.network().block(new Network.Link(other.index(), host.index()));
        }
    }

    /** The operator starts all nodes that are not forsaken again. */
    void restartAll() {
        world.trace("fault", "ALL NODES ARE STARTED AGAIN");
        for (Host host : world.hosts()) {
            if (host.isUp()) {
                world.crash(host);
            }
            if (!forsaken.contains(host)) {
                host.restart();
                world.run(host);
            }
        }
        elections.begin();
    }
}
