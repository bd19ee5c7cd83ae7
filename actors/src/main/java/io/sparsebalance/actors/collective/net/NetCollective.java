package io.sparsebalance.actors.collective.net;

import io.sparsebalance.actors.collective.Addend;
import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Predicate;

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
    private final Peer[] peers;
    private Slices current;
    private long step = -1;
    private int bucket;
    private Throwable aborted;
    private Integer blamed;
    private boolean closed;

    NetCollective(DataPlane plane, Group group, Duration timeout) {
        this.plane = plane;
        this.group = group;
        this.timeoutNanos = timeout.toNanos();
        this.peers = new Peer[group.numRanks()];
        for (int rank = 0; rank < peers.length; rank++) {
            peers[rank] = rank == group.rank() ? null : new Peer(rank);
        }
    }

    /** Opens the connections to the others. */
    void connect(Wire wire) {
        for (Peer peer : others()) {
            Outbound opened = new Outbound(wire, group.endpoints().get(peer.rank()),
                    Frame.text(Frame.Type.HELLO, group.generation(), group.rank(), peer.rank()), group.runId(),
                    new PeerWatch(wire, this, peer.rank()));
            boolean over;
            synchronized (this) {
                peer.outbound(opened);
                over = aborted != null || closed;
            }
            if (over) {
                Future<?> _ = opened.close(null, "");
            }
        }
    }

    private synchronized Outbound outbound(Peer peer) {
        return peer.outbound();
    }

    Group group() {
        return group;
    }

    private List<Peer> others() {
        return Arrays.stream(peers).filter(Objects::nonNull).toList();
    }

    @Override
    public long allReduceSum(MemorySegment values, long atStep) {
        return allReduce(new Addend.Floats(values), atStep);
    }

    @Override
    public long allReduceExact(FixedPointSum partial, MemorySegment total, long atStep) {
        return allReduce(new Addend.Exact(partial, total), atStep);
    }

    private long allReduce(Addend addend, long atStep) {
        long entry = System.nanoTime();
        Slices slices = new Slices(addend, group.numRanks());
        try {
            begin(slices, atStep);
            contribute(slices);
            SliceAdder adder = new SliceAdder(slices, group.rank());
            long lastEntry = add(slices, adder);
            awaitOthers(slices);
            FixedPointSum.poison(addend.total(), adder.firstVoid());
            return Math.max(0, lastEntry - entry);
        } catch (RuntimeException | Error e) {
            abort(e);
            throw e;
        } finally {
            end();
        }
    }

    private synchronized void begin(Slices slices, long atStep) {
        check();
        bucket = atStep == step ? bucket + 1 : 0;
        step = atStep;
        current = slices;
        others().forEach(Peer::sumBegins);
    }

    /** Sends every other rank's slice, beginning with the next rank so that not all send to the same one at first. */
    private void contribute(Slices slices) {
        for (int i = 1; i < peers.length; i++) {
            int to = (group.rank() + i) % peers.length;
            // An empty slice is sent too: it says that this rank has come, and whether its sum is void.
            for (int chunk = 0; chunk < Math.max(1, slices.numChunks(to)); chunk++) {
                peers[to].outbound().send(frame(Frame.Type.CONTRIBUTION, slices.kind(), slices, chunk),
                        slices.contribution(to, chunk).asByteBuffer());
            }
        }
    }

    private Frame frame(Frame.Type type, Frame.Kind kind, Slices slices, int chunk) {
        return new Frame(type, kind, group.generation(), step, bucket, chunk, group.rank(), 0, 0, slices.numElements(),
                slices.firstVoid());
    }

    /** Adds up this rank's slice and sends it to all; returns when the last rank entered. */
    private long add(Slices slices, SliceAdder adder) {
        long lastEntry = Long.MIN_VALUE;
        for (int chunk = 0; chunk < Math.max(1, slices.numChunks(group.rank())); chunk++) {
            for (int rank = 0; rank < peers.length; rank++) {
                if (rank == group.rank()) {
                    adder.addOwn(chunk);
                    continue;
                }
                Peer peer = peers[rank];
                await(Peer::hasArrived, List.of(peer), "come to reduce", timeoutNanos);
                requireNext(peer, slices, chunk);
                lastEntry = chunk == 0 ? Math.max(lastEntry, peer.arrivalNanos()) : lastEntry;
                adder.add(peer.payload(), peer.frame().extra(), chunk);
                release(peer);
            }
            adder.finish(chunk);
            if (chunk < slices.numChunks(group.rank())) {
                ByteBuffer result = slices.result(group.rank(), chunk).asByteBuffer();
                for (Peer peer : others()) {
                    peer.outbound().send(frame(Frame.Type.RESULT, Frame.Kind.FLOATS, slices, chunk), result);
                }
            }
        }
        return lastEntry;
    }

    private synchronized void requireNext(Peer peer, Slices slices, int chunk) {
        Frame frame = peer.frame();
        if (frame.step() != step || frame.bucket() != bucket) {
            throw failure(group.name(peer.rank()) + " reduces bucket " + frame.bucket() + " of step " + frame.step()
                    + " while " + group.name(group.rank()) + " reduces bucket " + bucket + " of step " + step,
                    List.of(peer.rank()), null);
        }
        if (frame.kind() != slices.kind() || frame.elements() != slices.numElements() || frame.chunk() != chunk
                || frame.length() != slices.contribution(group.rank(), chunk).byteSize()) {
            throw failure(group.name(peer.rank()) + " reduces " + frame.elements() + " elements as " + frame.kind()
                    + ", " + group.name(group.rank()) + " " + slices.numElements() + " as " + slices.kind()
                    + "; run.reduction and the model must be the same on all", List.of(peer.rank()), null);
        }
    }

    private void release(Peer peer) {
        Inbound inbound;
        synchronized (this) {
            peer.release();
            inbound = peer.inbound();
        }
        inbound.resume();
    }

    /** Until the others' slices are here, and nobody reads or writes this rank's array any more. */
    private void awaitOthers(Slices slices) {
        for (Peer peer : others()) {
            await(p -> p.numResults() == slices.numChunks(p.rank()), List.of(peer), "send its part of the sum in",
                    timeoutNanos + RESULT_GRACE_NANOS);
        }
        for (Peer peer : others()) {
            await(p -> p.outbound().numUnsent() == 0, List.of(peer), "take what was sent to it in", timeoutNanos);
        }
    }

    private synchronized void await(Predicate<Peer> done, List<Peer> awaited, String what, long limitNanos) {
        long deadline = System.nanoTime() + limitNanos;
        while (true) {
            check();
            List<Peer> missing = awaited.stream().filter(done.negate()).toList();
            if (missing.isEmpty()) {
                return;
            }
            Peer first = missing.getFirst();
            requireAlive(first);
            others().stream().filter(this::owes).forEach(this::requireAlive);
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                Throwable problem = first.outbound().lastProblem();
                throw failure(group.name(first.rank()) + " did not " + what + " step " + step + " within "
                        + Duration.ofNanos(limitNanos).toMillis() + " ms"
                        + (problem == null ? "" : ": " + problem.getMessage()), List.of(first.rank()), problem);
            }
            try {
                wait(left / 1_000_000 + 1);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw failure("interrupted in step " + step, List.of(), e);
            }
        }
    }

    private void requireAlive(Peer peer) {
        if (peer.lost() != null) {
            throw failure(group.name(peer.rank()) + " was lost in step " + step + ": " + peer.lost().getMessage(),
                    List.of(peer.rank()), peer.lost());
        }
    }

    /** Whether something must still come from a rank for the running sum. */
    private boolean owes(Peer peer) {
        return peer.numContributions() < Math.max(1, current.numChunks(group.rank()))
                || peer.numResults() < current.numChunks(peer.rank());
    }

    private void check() {
        if (aborted != null) {
            throw failure(aborted.getMessage(), blamed == null ? List.of() : List.of(blamed), aborted);
        }
        if (closed) {
            throw failure("the collective was closed", List.of(), null);
        }
    }

    private static CollectiveException failure(String what, List<Integer> suspects, Throwable cause) {
        return new CollectiveException("the reduce of gradients was given up: " + what, suspects, cause);
    }

    /** After a failure, waits until the event loop has let go of the array. */
    private void end() {
        boolean failed;
        synchronized (this) {
            current = null;
            failed = aborted != null || closed;
        }
        if (failed) {
            letGo();
        }
    }

    private void letGo() {
        List<Future<?>> closing = new ArrayList<>();
        for (Peer peer : others()) {
            Inbound inbound;
            Outbound outbound;
            synchronized (this) {
                inbound = peer.inbound();
                outbound = peer.outbound();
            }
            closing.add(outbound.close(null, ""));
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
    public void abort(Throwable cause) {
        abort(cause, null);
    }

    private void abort(Throwable cause, Integer rank) {
        Integer suspect = rank == null && cause instanceof CollectiveException e && !e.suspects().isEmpty()
                ? e.suspects().iterator().next()
                : rank;
        synchronized (this) {
            if (aborted == null) {
                aborted = cause;
                blamed = suspect;
            }
            notifyAll();
        }
        String text = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
        Frame farewell = Frame.text(Frame.Type.ABORTED, group.generation(), group.rank(),
                suspect == null ? -1 : suspect);
        for (Peer peer : others()) {
            Outbound outbound = outbound(peer);
            if (outbound != null) {
                Future<?> _ = outbound.close(farewell, text);
            }
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            notifyAll();
        }
        letGo();
        plane.left(this);
    }

    /** Whether a rank may still say something, and that would matter. */
    synchronized boolean isConnectedFrom(int rank) {
        Peer peer = peers[rank];
        return peer.inbound() != null && peer.lost() == null && aborted == null && !closed;
    }

    synchronized void wake() {
        notifyAll();
    }

    /** A connection from a rank; false if there was one before, or the group has given up. Event loop. */
    synchronized boolean admit(int rank, Inbound connection) {
        if (rank < 0 || rank >= peers.length || peers[rank] == null || peers[rank].inbound() != null || aborted != null
                || closed) {
            return false;
        }
        peers[rank].inbound(connection);
        return true;
    }

    /** Where a contribution goes; null for no room. Event loop. */
    synchronized ByteBuffer contribution(int rank, Frame frame) {
        return peers[rank].begin(frame);
    }

    synchronized void contributionArrived(int rank) {
        peers[rank].arrived();
        notifyAll();
    }

    /** Where a part of the sum goes. Event loop. */
    synchronized ByteBuffer result(int rank, Frame frame) throws ProtocolException {
        if (current == null || aborted != null || frame.step() != step || frame.bucket() != bucket
                || frame.kind() != Frame.Kind.FLOATS || frame.chunk() != peers[rank].numResults()
                || frame.chunk() >= current.numChunks(rank)) {
            throw new ProtocolException("a part of a sum that nobody waits for");
        }
        ByteBuffer target = current.result(rank, frame.chunk()).asByteBuffer();
        if (target.remaining() != frame.length()) {
            throw new ProtocolException("a part of a sum with " + frame.length() + " bytes instead of "
                    + target.remaining());
        }
        return target;
    }

    synchronized void resultArrived(int rank) {
        peers[rank].resultArrived();
        notifyAll();
    }

    /** A rank said that it gave up. */
    void abortedBy(int rank, String reason, long suspect) {
        synchronized (this) {
            if (aborted == null) {
                boolean known = suspect >= 0 && suspect < peers.length;
                aborted = new CollectiveException(group.name(rank) + " gave up: " + reason, null);
                blamed = known ? Math.toIntExact(suspect) : rank;
            }
            notifyAll();
        }
    }

    synchronized void lost(int rank, Throwable cause) {
        peers[rank].lost(cause);
        notifyAll();
    }
}
