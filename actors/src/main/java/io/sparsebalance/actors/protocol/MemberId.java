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

    @Override
    public int compareTo(MemberId other) {
        return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
        return node + "/" + device;
    }
}
