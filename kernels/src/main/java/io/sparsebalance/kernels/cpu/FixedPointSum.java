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
public final class FixedPointSum implements FixedPointWords, AutoCloseable {
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

    @Override
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
        addAndClear(values, 0);
    }

    /**
     * Adds a part of an array and sets it to zero.
     *
     * @param values F32 of the part
     * @param first its first element, a multiple of {@link #BLOCK}; it ends at another, or with the array
     */
    public void addAndClear(MemorySegment values, long first) {
        long last = first + values.byteSize() / Float.BYTES;
        requireBlocks(first, last);
        forEachTask(first, last, (from, to) -> {
            for (long at = from; at < to; at += BLOCK) {
                long end = Math.min(to, at + BLOCK);
                MemorySegment floats = floats(values, at - first, end - first);
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
        forEachTask(0, numElements, (from, to) -> words(from, to).fill((byte) 0));
    }

    /** The least index of all. */
    @Override
    public synchronized long firstVoid() {
        return firstVoid;
    }

    private synchronized void markVoid(long index) {
        firstVoid = Math.min(firstVoid, index);
    }

    @Override
    public MemorySegment words(long from, long to) {
        requireBlocks(from, to);
        return words.segment().asSlice(bytes(0, from), bytes(from, to));
    }

    private void requireBlocks(long from, long to) {
        require(from % BLOCK == 0 && (to % BLOCK == 0 || to == numElements) && from <= to && to <= numElements,
                "elements " + from + " to " + to + " of " + numElements + " are not whole blocks");
    }

    /**
     * A part, which changes with this. It may be read while other parts are added to.
     *
     * @param from as in {@link #words}
     * @param to as in {@link #words}
     */
    public FixedPointWords part(long from, long to) {
        requireBlocks(from, to);
        return new FixedPointWords() {
            @Override
            public long numElements() {
                return to - from;
            }

            @Override
            public MemorySegment words(long first, long last) {
                return FixedPointSum.this.words(from + first, from + last);
            }

            @Override
            public long firstVoid() {
                long index = FixedPointSum.this.firstVoid();
                return index >= from && index < to ? index - from : NONE;
            }
        };
    }

    /** Adds words of one range to those of another of the same length. */
    public static void addWords(MemorySegment source, MemorySegment target) {
        require(source.byteSize() == target.byteSize(),
                source.byteSize() + " bytes of words to " + target.byteSize());
        FixedPoint.addWords(source, target);
    }

    /**
     * Puts words of a range into half the memory, one for each element, which is possible while no element is 1 or more.
     *
     * @param words of a range that begins with a block
     * @param packed half as many bytes
     * @return false if it is not possible; then the packed words mean nothing
     */
    public static boolean pack(MemorySegment words, MemorySegment packed) {
        require(words.byteSize() == 2 * packed.byteSize(), words.byteSize() + " bytes of words to "
                + packed.byteSize());
        long size = packed.byteSize() / Long.BYTES;
        for (long at = 0; at < size; at += BLOCK) {
            long end = Math.min(size, at + BLOCK);
            if (!FixedPoint.pack(words.asSlice(bytes(0, at), bytes(at, end)), packed(packed, at, end))) {
                return false;
            }
        }
        return true;
    }

    /** Adds what {@link #pack} wrote to words of as many elements. */
    public static void addPacked(MemorySegment packed, MemorySegment target) {
        require(target.byteSize() == 2 * packed.byteSize(), packed.byteSize() + " bytes of packed words to "
                + target.byteSize());
        long size = packed.byteSize() / Long.BYTES;
        for (long at = 0; at < size; at += BLOCK) {
            long end = Math.min(size, at + BLOCK);
            FixedPoint.addPacked(packed(packed, at, end), target.asSlice(bytes(0, at), bytes(at, end)));
        }
    }

    private static MemorySegment packed(MemorySegment packed, long from, long to) {
        return packed.asSlice(from * Long.BYTES, (to - from) * Long.BYTES);
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
        MemorySegment scratch = MemorySegment.ofArray(new long[BLOCK]);
        for (long at = 0; at < size; at += BLOCK) {
            long end = Math.min(size, at + BLOCK);
            FixedPoint.toFloats(words.asSlice(bytes(0, at), bytes(at, end)), floats(values, at, end), scratch);
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

    private void forEachTask(long first, long last, Range body) {
        long elements = (long) TASK * BLOCK;
        workers.forEach(Math.toIntExact(Math.ceilDiv(last - first, elements)), (task, worker) -> body
                .run(first + task * elements, Math.min(last, first + (task + 1) * elements)));
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
