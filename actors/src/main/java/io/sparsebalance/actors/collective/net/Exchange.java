package io.sparsebalance.actors.collective.net;

import io.sparsebalance.actors.collective.CollectiveException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Where the thread of a rank meets what its event loop brings from the others: who is connected, how far the running sum is, and
 * whether the group has given up. Safe for use by many threads.
 */
final class Exchange {
    private final Group group;
    private final Peer[] peers;
    private Slices current;
    private long step = -1;
    private int bucket;
    private Throwable aborted;
    private Integer blamed;
    private boolean closed;

    Exchange(Group group) {
        this.group = group;
        this.peers = new Peer[group.numRanks()];
        for (int rank = 0; rank < peers.length; rank++) {
            peers[rank] = rank == group.rank() ? null : new Peer(rank);
        }
    }

    /** All but this rank. */
    List<Peer> others() {
        return Arrays.stream(peers).filter(Objects::nonNull).toList();
    }

    Peer peer(int rank) {
        return peers[rank];
    }

    /** Notes the connection to a rank; false if the group is over, and it must be closed. */
    synchronized boolean connected(Peer peer, Outbound opened) {
        peer.outbound(opened);
        return aborted == null && !closed;
    }

    synchronized Outbound outbound(Peer peer) {
        return peer.outbound();
    }

    synchronized Inbound inbound(Peer peer) {
        return peer.inbound();
    }

    /**
     * A sum begins.
     *
     * @throws CollectiveException if the group has given up
     */
    synchronized void begin(Slices slices, long atStep) {
        check();
        bucket = atStep == step ? bucket + 1 : 0;
        step = atStep;
        current = slices;
        others().forEach(Peer::sumBegins);
    }

    /** The sum is over; returns whether the group is, too. */
    synchronized boolean end() {
        current = null;
        return aborted != null || closed;
    }

    /** Head of a frame of the running sum. */
    synchronized Frame frame(Frame.Type type, Frame.Kind kind, int chunk) {
        return new Frame(type, kind, group.generation(), step, bucket, chunk, group.rank(), 0, 0,
                current.numElements(), current.firstVoid());
    }

    /** Checks that a rank's oldest contribution is the one that is added next. */
    synchronized void requireNext(Peer peer, int chunk) {
        Frame frame = peer.frame();
        if (frame.step() != step || frame.bucket() != bucket) {
            throw failure(group.name(peer.rank()) + " reduces bucket " + frame.bucket() + " of step " + frame.step()
                    + " while " + group.name(group.rank()) + " reduces bucket " + bucket + " of step " + step,
                    List.of(peer.rank()), null);
        }
        if (!current.expects(frame, group.rank(), chunk)) {
            throw failure(group.name(peer.rank()) + " reduces " + frame.elements() + " elements as " + frame.kind()
                    + ", " + group.name(group.rank()) + " " + current.numElements() + " as " + current.kind()
                    + "; run.reduction and the model must be the same on all", List.of(peer.rank()), null);
        }
    }

    /** The oldest contribution of a rank was added. */
    void release(Peer peer) {
        Inbound inbound;
        synchronized (this) {
            if (!peer.release()) {
                return;
            }
            inbound = peer.inbound();
        }
        inbound.resume();
    }

    /**
     * Waits for something of one rank, while those that owe something for the running sum live.
     *
     * @param what the rank did not do if the time is over, for the message
     * @throws CollectiveException naming the rank, or who was lost, or why the group gave up
     */
    synchronized void await(Peer peer, Predicate<Peer> done, String what, long limitNanos) {
        long deadline = System.nanoTime() + limitNanos;
        while (true) {
            check();
            if (done.test(peer)) {
                return;
            }
            requireAlive(peer);
            others().stream().filter(this::owes).forEach(this::requireAlive);
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                Throwable problem = peer.outbound().lastProblem();
                throw failure(group.name(peer.rank()) + " did not " + what + " step " + step + " within "
                        + Duration.ofNanos(limitNanos).toMillis() + " ms"
                        + (problem == null ? "" : ": " + problem.getMessage()), List.of(peer.rank()), problem);
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
            throw lossOf(peer);
        }
    }

    private CollectiveException lossOf(Peer peer) {
        return failure(group.name(peer.rank()) + " was lost in step " + step + ": " + peer.lost().getMessage(),
                List.of(peer.rank()), peer.lost());
    }

    /** Whether something must still come from a rank for the running sum. */
    private boolean owes(Peer peer) {
        return peer.numContributions() < Math.max(1, current.numChunks(group.rank()))
                || peer.numResults() < current.numChunks(peer.rank());
    }

    private void check() {
        ended().ifPresent(failure -> {
            throw failure;
        });
    }

    private Optional<CollectiveException> ended() {
        if (aborted != null) {
            return Optional
                    .of(failure(aborted.getMessage(), blamed == null ? List.of() : List.of(blamed), aborted));
        }
        return closed ? Optional.of(failure("the collective was closed", List.of(), null)) : Optional.empty();
    }

    /** Why no sum can complete any more; empty while this rank has not given up and all others live. */
    synchronized Optional<CollectiveException> failure() {
        return ended().or(
                () -> others().stream().filter(peer -> peer.lost() != null).findFirst().map(this::lossOf));
    }

    private static CollectiveException failure(String what, List<Integer> suspects, Throwable cause) {
        return new CollectiveException("the reduce of gradients was given up: " + what, suspects, cause);
    }

    /** This rank gives up; the first cause stays. */
    synchronized void abort(Throwable cause, Integer suspect) {
        if (aborted == null) {
            aborted = cause;
            blamed = suspect;
        }
        notifyAll();
    }

    /** Another rank said that it gave up. */
    void abortedBy(int rank, String reason, long suspect) {
        boolean known = suspect >= 0 && suspect < peers.length;
        abort(new CollectiveException(group.name(rank) + " gave up: " + reason, null),
                known ? Math.toIntExact(suspect) : rank);
    }

    /** Ends all waits for good; false if that was done before. */
    synchronized boolean close() {
        boolean first = !closed;
        closed = true;
        notifyAll();
        return first;
    }

    /** Whether a rank may still say why it gave up, on a connection that may only be coming, and that would matter. */
    synchronized boolean mayStillSpeak(int rank) {
        return peers[rank].lost() == null && aborted == null && !closed;
    }

    /** Something that a wait may be for has changed. */
    synchronized void wake() {
        notifyAll();
    }

    /** Nothing comes from or goes to a rank any more. */
    synchronized void lost(int rank, Throwable cause) {
        peers[rank].lost(cause);
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
}
