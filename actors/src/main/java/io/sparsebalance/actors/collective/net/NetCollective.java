package io.sparsebalance.actors.collective.net;

import io.sparsebalance.actors.collective.Addend;
import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.actors.collective.Seat;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/**
 * One rank's end of a reduce over TCP. Every rank sends to each other one that one's slice of its array; adds up its own slice in
 * the order of the ranks as chunks come in; and sends each finished chunk to all. So each array passes a rank's link once each
 * way, and every rank ends with the same bits as {@code InProcess}.
 *
 * <p>Arrays must be in memory that any thread may read: the event loop sends from it and receives into it. When a call ends,
 * however it ends, nobody does any more.
 */
final class NetCollective implements Collective {
    /** A rank that waits for another's part of the sum lets that one find out first whom to blame. */
    private static final long RESULT_GRACE_NANOS = 1_000_000_000L;
    private final DataPlane plane;
    private final Group group;
    private final long timeoutNanos;
    private final Exchange exchange;
    private final Contributions contributions = new Contributions();

    NetCollective(DataPlane plane, Group group, Duration timeout) {
        this.plane = plane;
        this.group = group;
        this.timeoutNanos = timeout.toNanos();
        this.exchange = new Exchange(group);
    }

    Group group() {
        return group;
    }

    /** What the event loop brings goes here. */
    Exchange exchange() {
        return exchange;
    }

    /** Opens the connections to the others. */
    void connect(Wire wire) {
        for (Peer peer : exchange.others()) {
            Outbound opened = new Outbound(wire, group.endpoints().get(peer.rank()),
                    Frame.text(Frame.Type.HELLO, group.generation(), group.rank(), peer.rank()), group.runId(),
                    new PeerWatch(wire, exchange, peer.rank()));
            if (!exchange.connected(peer, opened)) {
                Future<?> _ = opened.close(null, "");
            }
        }
    }

    @Override
    public long allReduceSum(MemorySegment values, long atStep) {
        return allReduce(new Addend.Floats(values), atStep);
    }

    @Override
    public long allReduceExact(FixedPointWords partial, MemorySegment total, long atStep) {
        return allReduce(new Addend.Exact(partial, total), atStep);
    }

    private long allReduce(Addend addend, long atStep) {
        long entry = System.nanoTime();
        Slices slices = new Slices(addend, group.numRanks());
        try {
            exchange.begin(slices, atStep);
            contributions.begin(slices);
            contribute(slices);
            SliceAdder adder = new SliceAdder(slices, group.rank());
            long lastEntry = add(slices, adder);
            awaitOthers(slices);
            FixedPointSum.poison(addend.total(), adder.firstVoid());
            return Math.max(entry, lastEntry) - entry;
        } catch (RuntimeException | Error e) {
            abort(e);
            throw e;
        } finally {
            // After a failure, not before the event loop has let go of the array.
            if (exchange.end()) {
                letGo();
            }
        }
    }

    /** Sends every other rank's slice, beginning with the next rank so that not all send to the same one at first. */
    private void contribute(Slices slices) {
        for (int i = 1; i < group.numRanks(); i++) {
            int to = (group.rank() + i) % group.numRanks();
            // An empty slice is sent too: it says that this rank has come, and whether its sum is void.
            for (int chunk = 0; chunk < Math.max(1, slices.numChunks(to)); chunk++) {
                Contributions.Contribution part = contributions.of(to, chunk);
                exchange.peer(to).outbound().send(exchange.frame(Frame.Type.CONTRIBUTION, part.kind(), chunk),
                        part.payload());
            }
        }
    }

    /** Adds up this rank's slice and sends it to all; returns when the last rank entered. */
    private long add(Slices slices, SliceAdder adder) {
        long lastEntry = Long.MIN_VALUE;
        for (int chunk = 0; chunk < Math.max(1, slices.numChunks(group.rank())); chunk++) {
            for (int rank = 0; rank < group.numRanks(); rank++) {
                if (rank == group.rank()) {
                    adder.addOwn(chunk);
                    continue;
                }
                Peer peer = exchange.peer(rank);
                exchange.await(peer, Peer::hasArrived, "come to reduce", timeoutNanos);
                exchange.requireNext(peer, chunk);
                lastEntry = chunk == 0 ? Math.max(lastEntry, peer.arrivalNanos()) : lastEntry;
                adder.add(peer.payload(), peer.frame(), chunk);
                exchange.release(peer);
            }
            adder.finish(chunk);
            if (chunk < slices.numChunks(group.rank())) {
                ByteBuffer result = slices.result(group.rank(), chunk).asByteBuffer();
                for (Peer peer : exchange.others()) {
                    peer.outbound().send(exchange.frame(Frame.Type.RESULT, Frame.Kind.FLOATS, chunk), result);
                }
            }
        }
        return lastEntry;
    }

    /** Until the others' slices are here, and nobody reads or writes this rank's array any more. */
    private void awaitOthers(Slices slices) {
        for (Peer peer : exchange.others()) {
            exchange.await(peer, p -> p.numResults() == slices.numChunks(p.rank()), "send its part of the sum in",
                    timeoutNanos + RESULT_GRACE_NANOS);
        }
        for (Peer peer : exchange.others()) {
            exchange.await(peer, p -> p.outbound().numUnsent() == 0, "take what was sent to it in", timeoutNanos);
        }
    }

    /** Closes all connections, and waits until nothing comes or goes over them. */
    private void letGo() {
        List<Future<?>> closing = new ArrayList<>();
        for (Peer peer : exchange.others()) {
            Inbound inbound = exchange.inbound(peer);
            closing.add(exchange.outbound(peer).close(null, ""));
            if (inbound != null) {
                inbound.close();
                closing.add(inbound.whenClosed());
            }
        }
        boolean interrupted = false;
        for (Future<?> one : closing) {
            boolean done = false;
            while (!done) {
                try {
                    one.get();
                    done = true;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw new IllegalStateException("a connection could not be closed", e);
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public Seat seat() {
        return new Seat(group.generation(), group.rank(), group.numRanks());
    }

    @Override
    public Optional<CollectiveException> failure() {
        return exchange.failure();
    }

    @Override
    public void abort(Throwable cause) {
        Integer suspect = cause instanceof CollectiveException e && !e.suspects().isEmpty()
                ? e.suspects().iterator().next()
                : null;
        exchange.abort(cause, suspect);
        String text = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
        Frame farewell = Frame.text(Frame.Type.ABORTED, group.generation(), group.rank(),
                suspect == null ? -1 : suspect);
        for (Peer peer : exchange.others()) {
            Outbound outbound = exchange.outbound(peer);
            if (outbound != null) {
                Future<?> _ = outbound.close(farewell, text);
            }
        }
    }

    @Override
    public void close() {
        if (exchange.close()) {
            letGo();
            plane.left(this);
        }
    }
}
