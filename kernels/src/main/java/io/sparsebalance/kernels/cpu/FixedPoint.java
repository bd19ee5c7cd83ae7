package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Arithmetic of {@link FixedPointSum} on blocks of words. A block of n elements is n coarse words, then n fine words:
 * element = coarse * 2^-20 + fine * 2^-62. Both words of a float come from rounding it, first to a multiple of 2^-20, then what
 * is left to one of 2^-62, each to nearest even; so they are a function of the float alone. Words only ever add up.
 */
final class FixedPoint {
    /** Elements of a block. */
    static final int BLOCK = 1024;
    /** Bytes of an element's two words. */
    static final int ELEMENT_BYTES = 2 * Long.BYTES;
    /** Floats of this size and above, infinities and NaN have no words. */
    static final float LIMIT = 0x1p22f;

    private static final int LIMIT_BITS = Float.floatToRawIntBits(LIMIT);
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final int FINE_BITS = 42;
    private static final long FINE_MASK = (1L << FINE_BITS) - 1;
    /** Words below these, and not below their negatives, can be packed: |coarse| * 2^42 + |fine| is below 2^63. */
    private static final long PACKED_COARSE = 1L << 20;
    private static final int PACKED_COARSE_BITS = 21;
    private static final long PACKED_FINE = 1L << 61;
    private static final int PACKED_FINE_BITS = 62;
    private static final float PACKED_UNIT = 0x1p-62f;
    private static final double TO_COARSE = 0x1p20;
    private static final double TO_FINE = 0x1p42;
    private static final double COARSE_UNIT = 0x1p-20;
    private static final double FINE_UNIT = 0x1p-62;
    /** Added to a double below 2^51, it leaves the rounded integer in the sum's low bits. */
    private static final double ROUNDER = 0x1.8p52;
    private static final long ROUNDER_BITS = Double.doubleToRawLongBits(ROUNDER);
    /** Integers up to here are doubles. */
    private static final long EXACT_DOUBLE = 1L << 53;

    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class,
            VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
    private static final int LANES = DOUBLES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    private FixedPoint() {
    }

    /**
     * Adds floats to a block and sets them to zero.
     *
     * @param values F32 of the block's elements, each below {@link #LIMIT}; others leave words that mean nothing
     */
    static void addAndClear(MemorySegment values, MemorySegment block) {
        int length = (int) (values.byteSize() / Float.BYTES);
        long fine = (long) length * Long.BYTES;
        FloatVector zero = FloatVector.zero(FLOATS);
        int i = 0;
        for (; i + LANES <= length; i += LANES) {
            long at = (long) i * Long.BYTES;
            FloatVector x = FloatVector.fromMemorySegment(FLOATS, values, (long) i * Float.BYTES, ORDER);
            zero.intoMemorySegment(values, (long) i * Float.BYTES, ORDER);
            DoubleVector scaled = ((DoubleVector) x.convertShape(VectorOperators.F2D, DOUBLES, 0)).mul(TO_COARSE);
            DoubleVector rounded = scaled.add(ROUNDER);
            DoubleVector rest = scaled.sub(rounded.sub(ROUNDER)).mul(TO_FINE).add(ROUNDER);
            addTo(block, at, rounded.reinterpretAsLongs().sub(ROUNDER_BITS));
            addTo(block, fine + at, rest.reinterpretAsLongs().sub(ROUNDER_BITS));
        }
        for (; i < length; i++) {
            float x = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, 0);
            double rounded = x * TO_COARSE + ROUNDER;
            double rest = (x * TO_COARSE - (rounded - ROUNDER)) * TO_FINE + ROUNDER;
            addTo(block, (long) i * Long.BYTES, Double.doubleToRawLongBits(rounded) - ROUNDER_BITS);
            addTo(block, fine + (long) i * Long.BYTES, Double.doubleToRawLongBits(rest) - ROUNDER_BITS);
        }
    }

    private static void addTo(MemorySegment block, long at, LongVector words) {
        LongVector.fromMemorySegment(LONGS, block, at, ORDER).add(words).intoMemorySegment(block, at, ORDER);
    }

    private static void addTo(MemorySegment block, long at, long word) {
        block.set(ValueLayout.JAVA_LONG_UNALIGNED, at, block.get(ValueLayout.JAVA_LONG_UNALIGNED, at) + word);
    }

    /** Index of the first float that has no words, -1 if all have. */
    static int firstOutside(MemorySegment values) {
        int length = (int) (values.byteSize() / Float.BYTES);
        IntVector largest = IntVector.zero(INTS);
        int i = 0;
        for (; i + LANES <= length; i += LANES) {
            largest = largest.max(FloatVector.fromMemorySegment(FLOATS, values, (long) i * Float.BYTES, ORDER)
                    .reinterpretAsInts().and(MAGNITUDE));
        }
        // Bits of magnitudes order as the magnitudes do, infinity and NaN last.
        if (largest.reduceLanes(VectorOperators.MAX) >= LIMIT_BITS) {
            i = 0;
        }
        for (; i < length; i++) {
            if (!(Math.abs(values.getAtIndex(ValueLayout.JAVA_FLOAT, i)) < LIMIT)) {
                return i;
            }
        }
        return -1;
    }

    /** Adds words to as many others. */
    static void addWords(MemorySegment source, MemorySegment target) {
        long bytes = source.byteSize();
        long at = 0;
        for (; at + LONGS.vectorByteSize() <= bytes; at += LONGS.vectorByteSize()) {
            addTo(target, at, LongVector.fromMemorySegment(LONGS, source, at, ORDER));
        }
        for (; at < bytes; at += Long.BYTES) {
            addTo(target, at, source.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
        }
    }

    /**
     * Puts every element of a block into one word: coarse * 2^42 + fine.
     *
     * @return false if one does not fit; then the words mean nothing
     */
    static boolean pack(MemorySegment block, MemorySegment packed) {
        long fine = packed.byteSize();
        LongVector outside = LongVector.zero(LONGS);
        long at = 0;
        for (; at + LONGS.vectorByteSize() <= fine; at += LONGS.vectorByteSize()) {
            LongVector high = LongVector.fromMemorySegment(LONGS, block, at, ORDER);
            LongVector low = LongVector.fromMemorySegment(LONGS, block, fine + at, ORDER);
            outside = outside.or(high.add(PACKED_COARSE).lanewise(VectorOperators.LSHR, PACKED_COARSE_BITS))
                    .or(low.add(PACKED_FINE).lanewise(VectorOperators.LSHR, PACKED_FINE_BITS));
            high.lanewise(VectorOperators.LSHL, FINE_BITS).add(low).intoMemorySegment(packed, at, ORDER);
        }
        long rest = 0;
        for (; at < fine; at += Long.BYTES) {
            long high = block.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
            long low = block.get(ValueLayout.JAVA_LONG_UNALIGNED, fine + at);
            rest |= (high + PACKED_COARSE) >>> PACKED_COARSE_BITS | (low + PACKED_FINE) >>> PACKED_FINE_BITS;
            packed.set(ValueLayout.JAVA_LONG_UNALIGNED, at, (high << FINE_BITS) + low);
        }
        return (outside.reduceLanes(VectorOperators.OR) | rest) == 0;
    }

    /** Adds packed words to a block of as many elements. */
    static void addPacked(MemorySegment packed, MemorySegment block) {
        long fine = packed.byteSize();
        long at = 0;
        for (; at + LONGS.vectorByteSize() <= fine; at += LONGS.vectorByteSize()) {
            LongVector word = LongVector.fromMemorySegment(LONGS, packed, at, ORDER);
            addTo(block, at, word.lanewise(VectorOperators.ASHR, FINE_BITS));
            addTo(block, fine + at, word.and(FINE_MASK));
        }
        for (; at < fine; at += Long.BYTES) {
            long word = packed.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
            addTo(block, at, word >> FINE_BITS);
            addTo(block, fine + at, word & FINE_MASK);
        }
    }

    /** Writes packed words as the nearest floats, ties to even: both steps round only once, since the scale is exact. */
    private static void packedToFloats(MemorySegment packed, MemorySegment values, int length) {
        for (int i = 0; i < length; i++) {
            values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) i * Float.BYTES,
                    (float) packed.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) i * Long.BYTES) * PACKED_UNIT);
        }
    }

    /**
     * Writes the elements of a block as the nearest floats, ties to even.
     *
     * @param scratch 8 bytes an element
     */
    static void toFloats(MemorySegment block, MemorySegment values, MemorySegment scratch) {
        int length = (int) (values.byteSize() / Float.BYTES);
        MemorySegment packed = scratch.asSlice(0, (long) length * Long.BYTES);
        if (pack(block, packed)) {
            packedToFloats(packed, values, length);
            return;
        }
        for (int i = 0; i < length; i++) {
            values.set(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) i * Float.BYTES,
                    toFloat(block.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) i * Long.BYTES),
                            block.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) (length + i) * Long.BYTES)));
        }
    }

    /** The nearest float of an element, ties to even. */
    static float toFloat(long coarse, long fine) {
        long carry = (fine + (1L << (FINE_BITS - 1))) >> FINE_BITS;
        long high = coarse + carry;
        long low = fine - (carry << FINE_BITS);
        if (Math.abs(high) > EXACT_DOUBLE) {
            return toFloatSlowly(high, low);
        }
        // Both are exact; their sum is rounded to odd, after which rounding once more to a float's 24 bits is right.
        double a = high * COARSE_UNIT;
        double b = low * FINE_UNIT;
        double sum = a + b;
        double error = b - (sum - a);
        if (error != 0) {
            long bits = Double.doubleToRawLongBits(sum);
            if ((bits & 1) == 0) {
                // The next double towards the error is the odd one.
                bits += (error > 0) == (sum > 0) ? 1 : -1;
                sum = Double.longBitsToDouble(bits);
            }
        }
        return (float) sum;
    }

    private static float toFloatSlowly(long high, long low) {
        BigInteger units = BigInteger.valueOf(high).shiftLeft(FINE_BITS).add(BigInteger.valueOf(low));
        return new BigDecimal(units).divide(new BigDecimal(BigInteger.ONE.shiftLeft(62))).floatValue();
    }
}
