package io.sparsebalance.actors.protocol;

import java.util.Comparator;

/**
 * One device of one node, for as long as the node's process lives. A process that comes back is another member.
 *
 * @param node unique name of the node's process; begins with its address
 * @param device number within the node, from 0
 */
public record MemberId(String node, int device) implements Comparable<MemberId> {
    private static final Comparator<MemberId> ORDER = Comparator.comparing(MemberId::node)
            .thenComparingInt(MemberId::device);

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
        return node + "/" + device;
    }
}
