package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** Access to F32 memory by element index, in vectors and one by one. */
final class Rows {
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private Rows() {
    }

    static FloatVector load(MemorySegment x, long index) {
        return FloatVector.fromMemorySegment(SPECIES, x, index << 2, ORDER);
    }

    static void store(FloatVector value, MemorySegment x, long index) {
        value.intoMemorySegment(x, index << 2, ORDER);
    }

    static float get(MemorySegment x, long index) {
        return x.get(ValueLayout.JAVA_FLOAT, index << 2);
    }

    static void set(MemorySegment x, long index, float value) {
        x.set(ValueLayout.JAVA_FLOAT, index << 2, value);
    }

    static int getInt(MemorySegment x, long index) {
        return x.get(ValueLayout.JAVA_INT, index << 2);
    }

    /**
     * Sum of the lanes, halves added to each other until one is left. {@code reduceLanes} leaves its order open, and takes
     * another one once it is compiled: two equal runs would differ in their last bits.
     */
    static float sum(FloatVector vector) {
        float[] lanes = vector.toArray();
        for (int half = lanes.length / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lanes[i] += lanes[i + half];
            }
        }
        return lanes[0];
    }
}
