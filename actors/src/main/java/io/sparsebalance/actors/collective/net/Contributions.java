package io.sparsebalance.actors.collective.net;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * What a rank gives to the others: floats as they lie; words of a fixed-point sum in half as many bytes, where that is possible. One
 * thread at a time.
 */
final class Contributions {
    private static final ByteBuffer NOTHING = ByteBuffer.allocateDirect(0);

    /** For a whole sum, since nothing of it may change before it is sent. */
    private ByteBuffer packed = NOTHING;
    private Slices slices;
    private int used;

    /** A chunk as it is sent. */
    record Contribution(Frame.Kind kind, ByteBuffer payload) {}

    /** Begins another sum; nothing of the one before is being sent. */
    void begin(Slices next) {
        slices = next;
        used = 0;
        long bytes = next.kind() == Frame.Kind.FIXED_POINT ? next.numElements() * Long.BYTES : 0;
        // Beyond what one buffer holds, the rest is sent as it lies.
        int capacity = (int) Math.min(bytes, Integer.MAX_VALUE - Long.BYTES);
        if (capacity > packed.capacity()) {
            packed = ByteBuffer.allocateDirect(capacity);
        }
    }

    /** A chunk for another rank. */
    Contribution of(int to, int chunk) {
        MemorySegment own = slices.contribution(to, chunk);
        int half = (int) (own.byteSize() / 2);
        if (slices.kind() == Frame.Kind.FIXED_POINT && half > 0 && half <= packed.capacity() - used) {
            ByteBuffer target = packed.slice(used, half);
            if (FixedPointSum.pack(own, MemorySegment.ofBuffer(target))) {
                used += half;
                return new Contribution(Frame.Kind.PACKED, target);
            }
        }
        return new Contribution(slices.kind(), own.asByteBuffer());
    }
}
