package io.sparsebalance.actors.collective.net;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import io.sparsebalance.kernels.cpu.FloatSums;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Adds up one chunk after the other of a rank's slice, contributions in the order of the ranks. */
final class SliceAdder {
    private final Slices slices;
    private final int rank;
    private final boolean exact;
    /** Floats add up where this rank's own lie if it is the first or the second: a + b is b + a. */
    private final boolean inPlace;
    private final MemorySegment scratch;
    private boolean empty = true;
    private long firstVoid;

    SliceAdder(Slices slices, int rank) {
        this.slices = slices;
        this.rank = rank;
        this.exact = slices.kind() == Frame.Kind.FIXED_POINT;
        this.inPlace = !exact && rank <= 1;
        this.scratch = inPlace ? MemorySegment.NULL : MemorySegment.ofArray(new long[Frame.MAX_PAYLOAD / Long.BYTES]);
        this.firstVoid = slices.firstVoid();
    }

    /** Adds this rank's own contribution. */
    void addOwn(int chunk) {
        if (!inPlace) {
            add(slices.contribution(rank, chunk));
        }
    }

    /** Adds another rank's. */
    void add(ByteBuffer contribution, Frame frame, int chunk) {
        firstVoid = chunk == 0 && exact ? Math.min(firstVoid, frame.extra()) : firstVoid;
        if (frame.kind() == Frame.Kind.PACKED) {
            addPacked(MemorySegment.ofBuffer(contribution));
        } else if (inPlace) {
            FloatSums.add(MemorySegment.ofBuffer(contribution), slices.result(rank, chunk));
        } else {
            add(MemorySegment.ofBuffer(contribution));
        }
    }

    private void addPacked(MemorySegment contribution) {
        MemorySegment sum = scratch.asSlice(0, 2 * contribution.byteSize());
        if (empty) {
            sum.fill((byte) 0);
        }
        FixedPointSum.addPacked(contribution, sum);
        empty = false;
    }

    private void add(MemorySegment contribution) {
        MemorySegment sum = scratch.asSlice(0, contribution.byteSize());
        if (empty) {
            sum.copyFrom(contribution);
        } else if (exact) {
            FixedPointSum.addWords(contribution, sum);
        } else {
            FloatSums.add(contribution, sum);
        }
        empty = false;
    }

    /** Writes the sum to this rank's array. */
    void finish(int chunk) {
        MemorySegment result = slices.result(rank, chunk);
        if (exact) {
            FixedPointSum.toFloats(scratch.asSlice(0, FixedPointSum.bytes(0, result.byteSize() / Float.BYTES)), result);
        } else if (!inPlace) {
            result.copyFrom(scratch.asSlice(0, result.byteSize()));
        }
        empty = true;
    }

    /** Least void element of any rank's sum. */
    long firstVoid() {
        return firstVoid;
    }
}
