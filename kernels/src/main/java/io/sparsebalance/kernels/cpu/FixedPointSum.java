package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Sums of arrays of F32 that do not depend on the order, nor on how the arrays are divided between several such sums that are
 * added up later: each float is rounded to a fixed grid, whatever else is added, and the grid's integers add up exactly.
 *
 * <p>The grid has steps of 2^-62, and two 64-bit words hold an element: floats from 2^-39 up are represented without any loss,
 * smaller ones to within 2^-63. A float must be below 2^22; up to 2^20 arrays then add up without overflow, by construction. An
 * array that holds NaN, infinity or a larger float marks the sum as void, again whatever the order.
 *
 * <p>Lives in memory of the host, 16 bytes an element. One thread at a time.
 */
public final class FixedPointSum implements AutoCloseable {
    /** Most arrays that a sum, or sums that are added up, may hold together. */
    public static final int MAX_ARRAYS = 1 << 20;
    /** Elements of a block; a range that is worked on begins at a multiple of it. */
    public static final int BLOCK = FixedPoint.BLOCK;
    /** Floats of this size and above cannot be added. */
    public static final float LIMIT = FixedPoint.LIMIT;
    /** {@link #firstVoid} of a sum that is valid. */
    public static final long NONE = Long.MAX_VALUE;
    /** Blocks that one task works on. */
    private static final int TASK = 32;

    private final long numElements;
    private final CpuMemory memory = new CpuMemory();
    private final CpuMemory.Block words;
    private final WorkerPool workers;
    private long firstVoid = NONE;

    /**
     * A sum of nothing.
     *
     * @param name of the threads
     * @param numThreads threads that work, the caller's included
     * @throws io.sparsebalance.kernels.DeviceMemoryException if the memory is not there
     */
    public FixedPointSum(String name, long numElements, int numThreads) {
        this.numElements = numElements;
        this.words = memory.allocate(bytes(0, numElements));
        this.workers = new WorkerPool(name, numThreads);
    }

    /** Elements of each array. */
    public long numElements() {
        return numElements;
    }

    /** Bytes held. */
    public long bytes() {
        return bytes(0, numElements);
    }

    /** Bytes of the words of a range of elements. */
    public static long bytes(long from, long to) {
        return (to - from) * FixedPoint.ELEMENT_BYTES;
    }

    /** Adds an array and sets it to zero. */
    public void addAndClear(MemorySegment values) {
        require(values.byteSize() == numElements * Float.BYTES, values.byteSize() + " bytes of floats do not fit "
                + numElements + " elements");
        forEachTask((from, to) -> {
            for (long at = from; at < to; at += BLOCK) {
                long end = Math.min(to, at + BLOCK);
                MemorySegment floats = floats(values, at, end);
                int outside = FixedPoint.firstOutside(floats);
                if (outside >= 0) {
                    markVoid(at + outside);
                }
                FixedPoint.addAndClear(floats, words(at, end));
            }
        });
    }

    /** Sets the sum to zero, and valid. */
    public void clear() {
        firstVoid = NONE;
        forEachTask((from, to) -> words(from, to).fill((byte) 0));
    }

    /** The least index at which some array held NaN, infinity or a float of {@link #LIMIT} or more; else {@link #NONE}. */
    public synchronized long firstVoid() {
        return firstVoid;
    }

    private synchronized void markVoid(long index) {
        firstVoid = Math.min(firstVoid, index);
    }

    /**
     * The words of elements {@code from} to {@code to}, exclusive: of each block, coarse words, then fine words. Words of the same
     * range of two sums are added with {@link #addWords}.
     *
     * @param from multiple of {@link #BLOCK}
     * @param to multiple of {@link #BLOCK}, or the number of elements
     */
    public MemorySegment words(long from, long to) {
        require(from % BLOCK == 0 && (to % BLOCK == 0 || to == numElements) && from <= to && to <= numElements,
                "elements " + from + " to " + to + " of " + numElements + " are not whole blocks");
        return words.segment().asSlice(bytes(0, from), bytes(from, to));
    }

    /** Adds words of one range to those of another of the same length. */
    public static void addWords(MemorySegment source, MemorySegment target) {
        require(source.byteSize() == target.byteSize(),
                source.byteSize() + " bytes of words to " + target.byteSize());
        FixedPoint.addWords(source, target);
    }

    /**
     * Writes the nearest floats, ties to even.
     *
     * @param words of a range that begins with a block
     * @param values F32, one for each element of the range
     */
    public static void toFloats(MemorySegment words, MemorySegment values) {
        long size = values.byteSize() / Float.BYTES;
        require(words.byteSize() == bytes(0, size), words.byteSize() + " bytes of words for " + size + " elements");
        for (long at = 0; at < size; at += BLOCK) {
            long end = Math.min(size, at + BLOCK);
            FixedPoint.toFloats(words.asSlice(bytes(0, at), bytes(at, end)), floats(values, at, end));
        }
    }

    /** Writes NaN where the sum is void, so that whoever uses the floats finds it. */
    public static void poison(MemorySegment values, long firstVoid) {
        if (firstVoid != NONE) {
            values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, firstVoid * Float.BYTES, Float.NaN);
        }
    }

    private static MemorySegment floats(MemorySegment values, long from, long to) {
        return values.asSlice(from * Float.BYTES, (to - from) * Float.BYTES);
    }

    private void forEachTask(Range body) {
        long elements = (long) TASK * BLOCK;
        workers.forEach(Math.toIntExact(Math.ceilDiv(numElements, elements)), (task, worker) -> body
                .run(task * elements, Math.min(numElements, (task + 1) * elements)));
    }

    private static void require(boolean condition, String what) {
        if (!condition) {
            throw new IllegalArgumentException("fixed-point sum: " + what);
        }
    }

    @Override
    public void close() {
        workers.close();
        memory.release(words);
        memory.close();
    }

    /** Elements from, inclusive, to, exclusive. */
    @FunctionalInterface
    private interface Range {
        void run(long from, long to);
    }
}
