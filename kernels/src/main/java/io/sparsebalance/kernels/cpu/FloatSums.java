package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums of F32 arrays in memory of the host, element by element. */
public final class FloatSums {
    private FloatSums() {
    }

    /**
     * {@code target += source}.
     *
     * @param source F32, as many bytes as the target
     */
    public static void add(MemorySegment source, MemorySegment target) {
        if (source.byteSize() != target.byteSize()) {
            throw new IllegalArgumentException(source.byteSize() + " bytes of floats to " + target.byteSize());
        }
        long size = target.byteSize() / Float.BYTES;
        long i = 0;
        for (; i + Rows.LANES <= size; i += Rows.LANES) {
            Rows.store(Rows.load(target, i).add(Rows.load(source, i)), target, i);
        }
        for (; i < size; i++) {
            long at = i * Float.BYTES;
            target.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at, target.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at)
                    + source.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
        }
    }
}
