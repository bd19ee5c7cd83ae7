package io.sparsebalance.actors.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** An array in memory that the JVM can address. */
record HostArray(MemorySegment values) implements Summand {
    private static final int CHUNK = 4096;

    @Override
    public long size() {
        return values.byteSize() / Float.BYTES;
    }

    /** Chunk by chunk in the cache. */
    @Override
    public void sumSlice(List<Summand> all, long from, long to) {
        List<MemorySegment> arrays = all.stream().map(summand -> ((HostArray) summand).values).toList();
        float[] sum = new float[CHUNK];
        float[] part = new float[CHUNK];
        for (long at = from; at < to; at += CHUNK) {
            int length = (int) Math.min(CHUNK, to - at);
            MemorySegment.copy(arrays.getFirst(), ValueLayout.JAVA_FLOAT, at * Float.BYTES, sum, 0, length);
            for (MemorySegment array : arrays.subList(1, arrays.size())) {
                MemorySegment.copy(array, ValueLayout.JAVA_FLOAT, at * Float.BYTES, part, 0, length);
                for (int i = 0; i < length; i++) {
                    sum[i] += part[i];
                }
            }
            for (MemorySegment array : arrays) {
                MemorySegment.copy(sum, 0, array, ValueLayout.JAVA_FLOAT, at * Float.BYTES, length);
            }
        }
    }
}
