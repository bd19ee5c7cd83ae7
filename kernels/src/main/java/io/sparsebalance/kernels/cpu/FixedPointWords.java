package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;

/** Words of a fixed-point sum, or of a part of one. */
public interface FixedPointWords {
    /** Elements, from 0. */
    long numElements();

    /**
     * The words of elements {@code from} to {@code to}, exclusive: of each block, coarse words, then fine words. Words of the same
     * range of two sums are added with {@link FixedPointSum#addWords}.
     *
     * @param from multiple of {@link FixedPointSum#BLOCK}
     * @param to multiple of {@link FixedPointSum#BLOCK}, or the number of elements
     */
    MemorySegment words(long from, long to);

    /**
     * An index at which some array held NaN, infinity or a float of {@link FixedPointSum#LIMIT} or more, the same one for the same
     * arrays; else {@link FixedPointSum#NONE}.
     */
    long firstVoid();
}
