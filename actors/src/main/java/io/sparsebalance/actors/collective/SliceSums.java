package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Adds up one rank's slice of all ranks' arrays, piece by piece in the cache, and writes it to all of them. */
final class SliceSums {
    private static final int CHUNK = 4096;

    private SliceSums() {
    }

    /**
     * Adds. What an array uses to add itself up belongs to its rank's thread, so the rank's own is asked.
     *
     * @param addends of all ranks, in their order, of one kind and size
     * @param rank whose thread calls
     */
    static void add(List<Addend> addends, int rank) {
        switch (addends.get(rank)) {
            case Addend.Floats floats -> addFloats(addends, floats.begin(rank, addends.size()),
                    floats.begin(rank + 1, addends.size()));
            case Addend.Shared shared -> shared.array().sumSlice(
                    addends.stream().map(addend -> ((Addend.Shared) addend).array()).toList(),
                    shared.begin(rank, addends.size()), shared.begin(rank + 1, addends.size()));
            case Addend.Exact exact -> addExactly(addends, exact.begin(rank, addends.size()),
                    exact.begin(rank + 1, addends.size()));
        }
    }

    private static void addFloats(List<Addend> addends, long from, long to) {
        float[] sum = new float[CHUNK];
        float[] part = new float[CHUNK];
        for (long at = from; at < to; at += CHUNK) {
            int length = (int) Math.min(CHUNK, to - at);
            MemorySegment.copy(addends.getFirst().total(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, sum, 0, length);
            for (Addend addend : addends.subList(1, addends.size())) {
                MemorySegment.copy(addend.total(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, part, 0, length);
                for (int i = 0; i < length; i++) {
                    sum[i] += part[i];
                }
            }
            write(sum, length, addends, at);
        }
    }

    private static void addExactly(List<Addend> addends, long from, long to) {
        float[] sum = new float[FixedPointSum.BLOCK];
        MemorySegment floats = MemorySegment.ofArray(sum);
        MemorySegment words = MemorySegment.ofArray(new long[2 * FixedPointSum.BLOCK]);
        for (long at = from; at < to; at += FixedPointSum.BLOCK) {
            long end = Math.min(to, at + FixedPointSum.BLOCK);
            MemorySegment block = words.asSlice(0, FixedPointSum.bytes(at, end));
            block.copyFrom(((Addend.Exact) addends.getFirst()).partial().words(at, end));
            for (Addend addend : addends.subList(1, addends.size())) {
                FixedPointSum.addWords(((Addend.Exact) addend).partial().words(at, end), block);
            }
            FixedPointSum.toFloats(block, floats.asSlice(0, (end - at) * Float.BYTES));
            write(sum, (int) (end - at), addends, at);
        }
    }

    private static void write(float[] sum, int length, List<Addend> addends, long at) {
        for (Addend addend : addends) {
            MemorySegment.copy(sum, 0, addend.total(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, length);
        }
    }

    /** Least index at which a rank's sum is void. */
    static long firstVoid(List<Addend> addends) {
        long first = FixedPointSum.NONE;
        for (Addend addend : addends) {
            if (addend instanceof Addend.Exact exact) {
                first = Math.min(first, exact.partial().firstVoid());
            }
        }
        return first;
    }
}
