package io.sparsebalance.actors.collective.net;

import io.netty.channel.Channel;
import io.sparsebalance.actors.collective.Collective;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One JVM's end of the data plane: listens, and lets the ranks of this JVM join the groups of a run's generations. A connection of
 * a generation that is over is refused and counted; one of a generation that begins waits until this JVM's rank joins it. Safe for
 * use by many threads, but not by its own event loop.
 */
public final class DataPlane implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DataPlane.class);
    /** Connections that may wait to be wanted; each holds a few kilobytes. */
    private static final int MOST_WAITING = 1024;
    private static final long HELLO_MILLIS = 10_000;
    private static final long WARNING_NANOS = 1_000_000_000L;

    private final Wire wire;
    private final Channel server;
    private final String host;
    private final Map<Membership, NetCollective> members = new HashMap<>();
    /** Generation of each rank that joined last; older ones are refused. */
    private final Map<Membership, Long> generations = new HashMap<>();
    private final List<Waiting> waiting = new ArrayList<>();
    private final Map<StateKey, StateOffer> offers = new HashMap<>();
    private final Set<Inbound> connections = new HashSet<>();
    private final AtomicLong numStale = new AtomicLong();
    private final AtomicLong numMalformed = new AtomicLong();
    private final AtomicLong lastWarning = new AtomicLong(System.nanoTime() - WARNING_NANOS);
    private boolean closed;

    /** Ends an offer: nobody can ask for it any more; who asked before is still served. */
    @FunctionalInterface
    public interface Offered extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Where a plane listens.
     *
     * @param host under which the others reach it
     * @param listenHost address to listen at, and to connect from, if that is another one
     * @param port 0 for any that is free
     */
    public record Address(String host, Optional<String> listenHost, int port) {}

    private record Membership(String runId, int rank) {}

    private record StateKey(String runId, long generation, long step) {}

    private record Waiting(Inbound connection, Frame hello, Membership whom) {}

    private DataPlane(Wire wire, Address address) throws IOException {
        this.wire = wire;
        this.host = address.host();
        String at = address.listenHost().orElse(host);
        try {
            this.server = wire.server(() -> new Inbound(this)).bind(at, address.port()).sync().channel();
        } catch (InterruptedException e) {
            wire.close();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while opening the data plane", e);
        } catch (Exception e) {
            wire.close();
            throw new IOException(
                    "the data plane cannot listen at " + at + ":" + address.port() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Listens.
     *
     * @param address to listen at
     * @param numThreads event loops; one keeps up with a gigabyte a second
     * @param tls for both directions, with a key; every peer needs a certificate that it trusts, and a listener's must be for
     *            the host that was asked for. Empty for plain TCP
     * @throws IOException if it cannot listen there
     */
    public static DataPlane open(Address address, int numThreads, Optional<SSLContext> tls) throws IOException {
        return new DataPlane(new Wire("sparsebalance-data", numThreads, tls, address.listenHost()), address);
    }

    /** As above, at a free port of an address under which the others reach it. */
    public static DataPlane open(String host, int numThreads, Optional<SSLContext> tls) throws IOException {
        return open(new Address(host, Optional.empty(), 0), numThreads, tls);
    }

    /** Where the others reach it. */
    public Endpoint endpoint() {
        return new Endpoint(host, ((InetSocketAddress) server.localAddress()).getPort());
    }

    /**
     * Joins a group; connections are made in the background. The rank's membership of an earlier generation ends.
     *
     * @param timeout longest wait for another rank in a reduce
     * @throws IllegalStateException if the rank has joined this generation or a later one before
     */
    public Collective join(Group group, Duration timeout) {
        Membership key = new Membership(group.runId(), group.rank());
        NetCollective joined = new NetCollective(this, group, timeout);
        NetCollective before;
        List<Waiting> known = new ArrayList<>();
        synchronized (this) {
            long last = generations.getOrDefault(key, Long.MIN_VALUE);
            if (closed || group.generation() <= last) {
                throw new IllegalStateException(closed
                        ? "the data plane was closed"
                        : "rank " + group.rank() + " cannot join generation " + group.generation() + " of run "
                                + group.runId() + " after generation " + last);
            }
            generations.put(key, group.generation());
            before = members.put(key, joined);
            waiting.removeIf(one -> one.whom().equals(key) && one.hello().generation() <= group.generation()
                    && known.add(one));
        }
        if (before != null) {
            before.abort(new IllegalStateException("generation " + group.generation() + " has begun"));
        }
        joined.connect(wire);
        known.forEach(one -> decide(one, joined));
        return joined;
    }

    /**
     * Hands a state to whoever asks for it, until closed.
     *
     * @throws IllegalStateException if one is offered for this generation and step
     */
    public Offered offer(StateOffer offer) {
        StateKey key = new StateKey(offer.runId(), offer.generation(), offer.step());
        synchronized (this) {
            if (offers.putIfAbsent(key, offer) != null) {
                throw new IllegalStateException("the state of step " + offer.step() + " is offered already");
            }
        }
        return () -> {
            synchronized (this) {
                offers.remove(key);
            }
        };
    }

    /** Connections and frames of generations that are over, or of runs that this JVM is no part of. */
    public long numStale() {
        return numStale.get();
    }

    /** Connections that were closed for what came over them. */
    public long numMalformed() {
        return numMalformed.get();
    }

    Wire wire() {
        return wire;
    }

    void opened(Inbound connection) {
        synchronized (this) {
            if (!closed && connections.size() < MOST_WAITING) {
                connections.add(connection);
            } else {
                connection.close();
                return;
            }
        }
        wire.later(() -> {
            if (!connection.hasSaidHello()) {
                connection.close();
            }
        }, HELLO_MILLIS);
    }

    /** A connection says whom it wants. */
    void hello(Inbound connection, Frame hello, String runId) {
        Membership whom = new Membership(runId, (int) hello.extra());
        Waiting one = new Waiting(connection, hello, whom);
        NetCollective member;
        synchronized (this) {
            member = members.get(whom);
            if (member == null || hello.generation() > member.group().generation()) {
                if (hello.generation() > generations.getOrDefault(whom, Long.MIN_VALUE)) {
                    waiting.add(one);
                    return;
                }
                member = null;
            }
        }
        decide(one, member);
    }

    private void decide(Waiting one, NetCollective member) {
        long generation = one.hello().generation();
        if (member == null || generation != member.group().generation()) {
            numStale.incrementAndGet();
            one.connection().refuse("generation " + generation + " of run " + one.whom().runId() + " is over");
        } else if (member.exchange().admit(one.hello().sender(), one.connection())) {
            one.connection().welcome(member);
        } else {
            numStale.incrementAndGet();
            one.connection().refuse("generation " + generation + " has given up, or rank " + one.hello().sender()
                    + " is connected already or no part of it");
        }
    }

    void stateRequest(Inbound connection, Frame request, String runId) {
        StateOffer offer;
        synchronized (this) {
            offer = offers.get(new StateKey(runId, request.generation(), request.step()));
        }
        if (offer == null) {
            numStale.incrementAndGet();
            connection.refuse("the state of step " + request.step() + " of generation " + request.generation()
                    + " is not offered here");
        } else {
            offer.send(connection.context().channel());
        }
    }

    void ended(Inbound connection, Throwable cause) {
        if (cause instanceof ProtocolException) {
            long count = numMalformed.incrementAndGet();
            long now = System.nanoTime();
            long last = lastWarning.get();
            if (now - last >= WARNING_NANOS && lastWarning.compareAndSet(last, now)) {
                LOG.warn("closed a connection of the data plane, {} so far: it sent {}", count, cause.getMessage());
            }
        }
        synchronized (this) {
            connections.remove(connection);
            waiting.removeIf(one -> one.connection() == connection);
        }
    }

    synchronized void left(NetCollective member) {
        members.remove(new Membership(member.group().runId(), member.group().rank()), member);
    }

    /** Ends all memberships and connections. */
    @Override
    public void close() {
        List<NetCollective> open;
        List<Inbound> inbound;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            open = List.copyOf(members.values());
            inbound = List.copyOf(connections);
        }
        server.close().awaitUninterruptibly();
        open.forEach(NetCollective::close);
        inbound.forEach(Inbound::close);
        wire.close();
    }
}
