package io.sparsebalance.actors.collective.net;

import java.nio.ByteBuffer;

/**
 * What one rank knows of another: what it sends to it, and the contributions that came from it and were not added yet. There is
 * room for a few; until some are added, no more are read from the network. All under the collective's lock, except the payloads,
 * which belong to the event loop until they have {@link #arrived} and to the collective's thread until they are {@link #release}d.
 */
final class Peer {
    private static final int ROOM = 4;

    private final int rank;
    private final ByteBuffer[] payloads = new ByteBuffer[ROOM];
    private final Frame[] frames = new Frame[ROOM];
    private final long[] arrivalNanos = new long[ROOM];
    private long numBegun;
    private long numArrived;
    private long numReleased;
    /** Whether the event loop found no room, and is to be told of some. */
    private boolean waitsForRoom;
    private Outbound outbound;
    private Inbound inbound;
    /** Of the running sum: contributions that were added, and parts of the sum that have come. */
    private long numTaken;
    private int numResults;
    private Throwable lost;

    Peer(int rank) {
        this.rank = rank;
    }

    int rank() {
        return rank;
    }

    Outbound outbound() {
        return outbound;
    }

    void outbound(Outbound opened) {
        outbound = opened;
    }

    Inbound inbound() {
        return inbound;
    }

    void inbound(Inbound admitted) {
        inbound = admitted;
    }

    /** Why nothing will come from or go to this rank any more; null while it lives. */
    Throwable lost() {
        return lost;
    }

    /** Notes the first cause. */
    void lost(Throwable cause) {
        if (lost == null) {
            lost = cause;
        }
    }

    /** Room for a contribution, or null. */
    ByteBuffer begin(Frame frame) {
        if (numBegun - numReleased == ROOM) {
            waitsForRoom = true;
            return null;
        }
        int slot = (int) (numBegun % ROOM);
        numBegun++;
        if (payloads[slot] == null) {
            payloads[slot] = ByteBuffer.allocateDirect(Frame.MAX_PAYLOAD);
        }
        frames[slot] = frame;
        arrivalNanos[slot] = System.nanoTime();
        return payloads[slot].slice(0, frame.length());
    }

    void arrived() {
        numArrived++;
    }

    boolean hasArrived() {
        return numReleased < numArrived;
    }

    /** Head of the oldest contribution. */
    Frame frame() {
        return frames[(int) (numReleased % ROOM)];
    }

    /** Payload of the oldest contribution. */
    ByteBuffer payload() {
        return payloads[(int) (numReleased % ROOM)].slice(0, frame().length());
    }

    /** When the oldest contribution came. */
    long arrivalNanos() {
        return arrivalNanos[(int) (numReleased % ROOM)];
    }

    /** The oldest contribution was added; returns whether the event loop waits for the room. */
    boolean release() {
        numReleased++;
        numTaken++;
        boolean waited = waitsForRoom;
        waitsForRoom = false;
        return waited;
    }

    /** Contributions to the running sum that have come. */
    long numContributions() {
        return numTaken + numArrived - numReleased;
    }

    int numResults() {
        return numResults;
    }

    void sumBegins() {
        numResults = 0;
        numTaken = 0;
    }

    void resultArrived() {
        numResults++;
    }
}
