package io.sparsebalance.actors.collective.net;

import io.sparsebalance.actors.collective.Addend;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.MemorySegment;

/**
 * How an array is cut for a reduce: each rank adds up one slice, in chunks that fit a frame. Immutable.
 */
final class Slices {
    /** Elements of a chunk: as many as their widest form fits a frame, whole blocks of a fixed-point sum. */
    private static final int FLOATS = Frame.MAX_PAYLOAD / Float.BYTES;
    private static final int FIXED_POINT = Frame.MAX_PAYLOAD / (2 * Long.BYTES);

    private final Addend addend;
    private final int numRanks;
    private final int chunkElements;

    Slices(Addend addend, int numRanks) {
        this.addend = addend;
        this.numRanks = numRanks;
        this.chunkElements = addend instanceof Addend.Exact ? FIXED_POINT : FLOATS;
    }

    /** Frames with a part of a rank's slice; 0 for an empty one. */
    int numChunks(int slice) {
        return Math.toIntExact(Math.ceilDiv(addend.begin(slice + 1, numRanks) - addend.begin(slice, numRanks),
                (long) chunkElements));
    }

    long from(int slice, int chunk) {
        return Math.min(addend.begin(slice + 1, numRanks),
                addend.begin(slice, numRanks) + (long) chunk * chunkElements);
    }

    long to(int slice, int chunk) {
        return from(slice, chunk + 1);
    }

    /** What elements of a contribution are. */
    Frame.Kind kind() {
        return addend instanceof Addend.Exact ? Frame.Kind.FIXED_POINT : Frame.Kind.FLOATS;
    }

    /** Whether a frame is a chunk of a contribution to a rank's slice of an array like this one. */
    boolean expects(Frame frame, int slice, int chunk) {
        long bytes = contribution(slice, chunk).byteSize();
        boolean packed = kind() == Frame.Kind.FIXED_POINT && frame.kind() == Frame.Kind.PACKED;
        return (packed || frame.kind() == kind()) && frame.elements() == numElements() && frame.chunk() == chunk
                && frame.length() == (packed ? bytes / 2 : bytes);
    }

    /** Bytes of a chunk of a contribution. */
    MemorySegment contribution(int slice, int chunk) {
        long from = from(slice, chunk);
        long to = to(slice, chunk);
        return addend instanceof Addend.Exact exact && from < to
                ? exact.partial().words(from, to)
                : result(slice, chunk);
    }

    /** Where a chunk of the sum belongs. */
    MemorySegment result(int slice, int chunk) {
        long from = from(slice, chunk);
        return addend.total().asSlice(from * Float.BYTES, (to(slice, chunk) - from) * Float.BYTES);
    }

    long numElements() {
        return addend.numElements();
    }

    /** First void element of this rank's sum. */
    long firstVoid() {
        return addend instanceof Addend.Exact exact ? exact.partial().firstVoid() : FixedPointSum.NONE;
    }
}
