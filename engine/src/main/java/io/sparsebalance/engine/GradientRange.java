package io.sparsebalance.engine;

import java.lang.foreign.MemorySegment;

/**
 * Elements of the flat gradient.
 *
 * @param from first
 * @param to one past the last
 */
public record GradientRange(long from, long to) {
    /** Number of elements. */
    public long size() {
        return to - from;
    }

    /** Its floats in an addressable gradient. */
    public MemorySegment bytesOf(MemorySegment gradient) {
        return gradient.asSlice(from * Float.BYTES, size() * Float.BYTES);
    }

    /** Number of elements that both have. */
    public long overlap(GradientRange other) {
        return Math.max(0, Math.min(to, other.to) - Math.max(from, other.from));
    }
}
