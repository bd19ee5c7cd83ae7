package io.sparsebalance.actors.protocol.simulation;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Carries messages between parties. As the actors' transport has it, messages of one sender to one receiver stay in order, unless
 * the seed is worse than that transport.
 */
final class Network {
    private static final double SLOW_SHARE = 0.02;
    /** The second of two copies may come when the receiver is at something else. */
    private static final long LATE = 15 * VirtualTime.MILLI;

    private final World world;
    private final Set<Link> blocked = new HashSet<>();
    private final Map<Channel, Long> lastArrival = new HashMap<>();
    private Knobs.Messages quality;

    /** From one host to another. */
    record Link(int from, int to) {}

    private record Channel(Party from, Party to) {}

    Network(World world) {
        this.world = world;
        this.quality = world.knobs().messages();
    }

    void quality(Knobs.Messages better) {
        quality = better;
    }

    void block(Link link) {
        blocked.add(link);
    }

    void unblock(Link link) {
        blocked.remove(link);
    }

    void unblockAll() {
        blocked.clear();
    }

    /** Whether both can reach each other. */
    boolean areConnected(Host one, Host other) {
        return one == other || (!blocked.contains(new Link(one.index(), other.index()))
                && !blocked.contains(new Link(other.index(), one.index())));
    }

    /** Sends a message; it arrives once, late, twice, or not at all. */
    void send(Party from, Party to, Object message, Runnable arrive) {
        Host source = from.host();
        Host target = to.host();
        if (source == target) {
            deliver(from, to, message, world.nanos(5 * VirtualTime.MICRO, 50 * VirtualTime.MICRO), true, false, arrive);
            return;
        }
        if (blocked.contains(new Link(source.index(), target.index())) || !target.isUp()) {
            world.trace(source.toString(), "not delivered to " + target + ": " + message);
            return;
        }
        if (world.chance(quality.loss())) {
            world.fired(FaultKind.MESSAGE_LOST);
            world.trace(source.toString(), "lost to " + target + ": " + message);
            return;
        }
        carry(from, to, message, VirtualTime.MILLI, arrive);
        if (world.chance(quality.duplication())) {
            world.fired(FaultKind.MESSAGE_DUPLICATED);
            carry(from, to, message, LATE, arrive);
        }
    }

    private void carry(Party from, Party to, Object message, long longest, Runnable arrive) {
        long delay = world.nanos(100 * VirtualTime.MICRO, longest);
        if (quality.slow() && world.chance(SLOW_SHARE)) {
            world.fired(FaultKind.MESSAGE_DELAYED);
            delay += world.nanos(5 * VirtualTime.MILLI, 400 * VirtualTime.MILLI);
        }
        deliver(from, to, message, delay, !world.chance(quality.reordering()), true, arrive);
    }

    private void deliver(Party from, Party to, Object message, long delay, boolean inOrder, boolean remote,
            Runnable arrive) {
        Channel channel = new Channel(from, to);
        long arrival = world.now() + delay;
        long last = lastArrival.getOrDefault(channel, 0L);
        if (inOrder) {
            arrival = Math.max(arrival, last);
        } else if (arrival < last) {
            world.fired(FaultKind.MESSAGE_REORDERED);
        }
        lastArrival.put(channel, Math.max(arrival, last));
        world.time().at(arrival, to, remote, message, arrive);
    }
}
