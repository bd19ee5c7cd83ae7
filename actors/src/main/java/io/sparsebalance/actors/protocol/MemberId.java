package io.sparsebalance.actors.protocol;

import java.util.Comparator;

/**
 * One device of one node, from when it is opened until it is closed. A process that comes back is another member, and so is a device
 * that is opened again: what the first one knew is gone.
 *
 * @param node unique name of the node's process; begins with its address
 * @param device number within the node, from 0
 * @param opening of the device in this process, from 1
 */
public record MemberId(String node, int device, int opening) implements Comparable<MemberId> {
    private static final Comparator<MemberId> ORDER = Comparator.comparing(MemberId::node)
            .thenComparingInt(MemberId::device).thenComparingInt(MemberId::opening);

    /** A device that is opened for the first time. */
    public MemberId(String node, int device) {
        this(node, device, 1);
    }

    /** Host that the node runs on, as its name begins: {@code host:port#uid}. A node without an address is its own host. */
    public String host() {
        int colon = node.lastIndexOf(':', Math.max(0, node.indexOf('#')));
        return colon < 0 ? node : node.substring(0, colon);
    }

    @Override
    public int compareTo(MemberId other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return node + "/" + device + (opening == 1 ? "" : "." + opening);
    }
}
