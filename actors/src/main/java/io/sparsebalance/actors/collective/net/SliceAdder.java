package io.sparsebalance.actors.collective.net;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/** Adds up one chunk after the other of a rank's slice, contributions in the order of the ranks. */
final class SliceAdder {
    private final Slices slices;
    private final int rank;
    private final boolean exact;
    private final float[] sum = new float[Slices.FLOATS];
    private final float[] part = new float[Slices.FLOATS];
    private final MemorySegment words;
    private boolean empty = true;
    private long firstVoid;

    SliceAdder(Slices slices, int rank) {
        this.slices = slices;
        this.rank = rank;
        this.exact = slices.kind() == Frame.Kind.FIXED_POINT;
        this.words = exact ? MemorySegment.ofArray(new long[Frame.MAX_PAYLOAD / Long.BYTES]) : MemorySegment.NULL;
        this.firstVoid = slices.firstVoid();
    }

    /** Adds this rank's own contribution. */
    void addOwn(int chunk) {
        add(slices.contribution(rank, chunk));
    }

    /** Adds another rank's. */
    void add(ByteBuffer contribution, long itsFirstVoid, int chunk) {
        firstVoid = chunk == 0 && exact ? Math.min(firstVoid, itsFirstVoid) : firstVoid;
        add(MemorySegment.ofBuffer(contribution));
    }

    private void add(MemorySegment contribution) {
        if (exact) {
            MemorySegment target = words.asSlice(0, contribution.byteSize());
            if (empty) {
                target.copyFrom(contribution);
            } else {
                FixedPointSum.addWords(contribution, target);
            }
        } else {
            int length = (int) (contribution.byteSize() / Float.BYTES);
            MemorySegment.copy(contribution, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, empty ? sum : part, 0, length);
            for (int i = 0; !empty && i < length; i++) {
                sum[i] += part[i];
            }
        }
        empty = false;
    }

    /** Writes the sum to this rank's array. */
    void finish(int chunk) {
        MemorySegment result = slices.result(rank, chunk);
        if (exact) {
            FixedPointSum.toFloats(words.asSlice(0, FixedPointSum.bytes(0, result.byteSize() / Float.BYTES)), result);
        } else {
            MemorySegment.copy(sum, 0, result, ValueLayout.JAVA_FLOAT_UNALIGNED, 0,
                    (int) (result.byteSize() / Float.BYTES));
        }
        empty = true;
    }

    /** Least void element of any rank's sum. */
    long firstVoid() {
        return firstVoid;
    }
}
