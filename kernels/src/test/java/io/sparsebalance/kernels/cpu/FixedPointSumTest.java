package io.sparsebalance.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FixedPointSumTest {
    private static final int SIZE = 37_003;
    private static final BigDecimal COARSE = new BigDecimal(BigInteger.ONE.shiftLeft(20));
    private static final BigDecimal FINE = new BigDecimal(BigInteger.ONE.shiftLeft(62));

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void theSumIsThatOfTheRoundedFloatsRoundedOnce(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<float[]> arrays = arrays(random, 5, SIZE);
        BigDecimal[] expected = new BigDecimal[SIZE];
        Arrays.fill(expected, BigDecimal.ZERO);
        for (float[] array : arrays) {
            for (int i = 0; i < SIZE; i++) {
                expected[i] = expected[i].add(onGrid(array[i]));
            }
        }
        float[] rounded = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            rounded[i] = expected[i].floatValue();
        }
        assertThat(sum(arrays, 1, 1)).isEqualTo(rounded);
    }

    @ParameterizedTest
    @ValueSource(longs = {4, 5, 6, 7, 8})
    void orderDivisionAndThreadsChangeNoBit(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<float[]> arrays = new ArrayList<>(arrays(random, 2 + random.nextInt(10), 1 + random.nextInt(SIZE)));
        float[] first = sum(arrays, 1, 1);
        for (int parts = 1; parts <= 5; parts++) {
            Collections.shuffle(arrays, new Random(seed + parts));
            assertThat(bits(sum(arrays, parts, 1 + random.nextInt(3)))).isEqualTo(bits(first));
        }
    }

    /** The sums are near the limits of the words; doubles do not hold them. */
    @Test
    void aMillionOfTheLargestFloatsDoNotOverflow() {
        long largest = words(Math.nextDown(FixedPointSum.LIMIT))[0];
        long fine = words(0x1.fffffep-22f)[1];
        assertThat(words(Math.nextDown(FixedPointSum.LIMIT))[1]).isZero();
        long most = FixedPointSum.MAX_ARRAYS;
        assertThat(Math.multiplyExact(largest, most) + Math.multiplyExact(Math.abs(fine), most)).isPositive();
        assertThat(FixedPoint.toFloat(largest * most, 0)).isEqualTo(Math.nextDown(FixedPointSum.LIMIT) * most);
        assertThat(FixedPoint.toFloat(-largest * most, fine * most)).isEqualTo(
                value(-largest * most, fine * most).floatValue());
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13})
    void wordsOfAnySizeBecomeTheNearestFloat(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 10_000; i++) {
            long coarse = random.nextLong() >> (1 + random.nextInt(63));
            long fine = random.nextLong() >> (2 + random.nextInt(62));
            if (i % 3 == 0) {
                // Halfway between two floats, and just beside it.
                coarse = (((random.nextLong() >>> 39) | (1L << 24)) * 2 + 1) << random.nextInt(30);
                fine = random.nextInt(-1, 2);
            }
            assertThat(FixedPoint.toFloat(coarse, fine)).isEqualTo(value(coarse, fine).floatValue());
        }
    }

    @Test
    void whatIsNoNumberOrTooLargeMakesTheSumVoid() {
        for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, FixedPointSum.LIMIT,
            -FixedPointSum.LIMIT, Float.MAX_VALUE}) {
            try (FixedPointSum sum = new FixedPointSum("test", SIZE, 2)) {
                float[] values = new float[SIZE];
                sum.addAndClear(MemorySegment.ofArray(values));
                assertThat(sum.firstVoid()).isEqualTo(FixedPointSum.NONE);
                values[SIZE - 1] = bad;
                values[2_048] = bad;
                values[2_049] = Float.NaN;
                sum.addAndClear(MemorySegment.ofArray(values));
                sum.addAndClear(MemorySegment.ofArray(values));
                assertThat(sum.firstVoid()).isEqualTo(2_048);
                FixedPointSum.poison(MemorySegment.ofArray(values), sum.firstVoid());
                assertThat(values[2_048]).isNaN();
                sum.clear();
                assertThat(sum.firstVoid()).isEqualTo(FixedPointSum.NONE);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 1024, 2_500})
    void packedWordsAreTheSameElementsInHalfTheMemory(int size) {
        SplittableRandom random = new SplittableRandom(size);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = Math.scalb(random.nextFloat(-1, 1), random.nextInt(-70, 1));
        }
        try (FixedPointSum sum = new FixedPointSum("test", size, 1);
                FixedPointSum twice = new FixedPointSum("test", size, 1)) {
            sum.addAndClear(MemorySegment.ofArray(values.clone()));
            twice.addAndClear(MemorySegment.ofArray(values.clone()));
            twice.addAndClear(MemorySegment.ofArray(values.clone()));
            MemorySegment packed = MemorySegment.ofArray(new long[size]);
            assertThat(FixedPointSum.pack(sum.words(0, size), packed)).isTrue();
            FixedPointSum.addPacked(packed, sum.words(0, size));
            assertThat(floats(sum)).isEqualTo(floats(twice));
            // One element of 1 or more, in one word of all.
            values[size - 1] = -1.5f;
            twice.addAndClear(MemorySegment.ofArray(values));
            assertThat(FixedPointSum.pack(twice.words(0, size), packed)).isFalse();
        }
    }

    private static float[] floats(FixedPointSum sum) {
        float[] floats = new float[(int) sum.numElements()];
        FixedPointSum.toFloats(sum.words(0, sum.numElements()), MemorySegment.ofArray(floats));
        return floats;
    }

    @Test
    void packedOrNotTheFloatsAreTheNearest() {
        SplittableRandom random = new SplittableRandom(5);
        MemorySegment block = MemorySegment.ofArray(new long[2]);
        MemorySegment scratch = MemorySegment.ofArray(new long[1]);
        float[] nearest = new float[1];
        for (int i = 0; i < 20_000; i++) {
            long coarse = random.nextLong() >> random.nextInt(41, 64);
            long fine = random.nextLong() >> random.nextInt(2, 64);
            block.setAtIndex(ValueLayout.JAVA_LONG, 0, coarse);
            block.setAtIndex(ValueLayout.JAVA_LONG, 1, fine);
            FixedPoint.toFloats(block, MemorySegment.ofArray(nearest), scratch);
            assertThat(nearest[0]).isEqualTo(value(coarse, fine).floatValue());
        }
    }

    @Test
    void aPartOfAnArrayIsAddedAndReadByItself() {
        int size = 3_000;
        try (FixedPointSum sum = new FixedPointSum("test", size, 2)) {
            float[] values = new float[size - 1024];
            Arrays.fill(values, 0.5f);
            values[1_030] = Float.NaN;
            sum.addAndClear(MemorySegment.ofArray(values), 1024);
            assertThat(sum.part(0, 2048).firstVoid()).isEqualTo(FixedPointSum.NONE);
            FixedPointWords end = sum.part(2048, size);
            assertThat(end.firstVoid()).isEqualTo(6);
            float[] floats = new float[size - 2048];
            FixedPointSum.toFloats(end.words(0, end.numElements()), MemorySegment.ofArray(floats));
            assertThat(floats[0]).isEqualTo(0.5f);
            assertThatThrownBy(() -> sum.addAndClear(MemorySegment.ofArray(values), 1000))
                    .hasMessageContaining("whole blocks");
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        try (FixedPointSum sum = new FixedPointSum("test", 3_000, 1)) {
            assertThatThrownBy(() -> sum.addAndClear(MemorySegment.ofArray(new float[2_999])))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("3000 elements");
            assertThatThrownBy(() -> sum.words(5, 3_000)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("whole blocks");
        }
    }

    /** Values of all magnitudes, those that the grid rounds among them, and the corners. */
    private static List<float[]> arrays(SplittableRandom random, int count, int size) {
        List<float[]> arrays = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            float[] array = new float[size];
            for (int i = 0; i < size; i++) {
                array[i] = switch (random.nextInt(8)) {
                    case 0 -> Math.scalb(random.nextFloat(-1, 1), random.nextInt(-126, 22));
                    case 1 -> 0x1p-63f * random.nextInt(-9, 10);
                    case 2 -> random.nextBoolean() ? -0f : Float.MIN_VALUE;
                    case 3 -> Math.copySign(Math.nextDown(FixedPointSum.LIMIT), random.nextInt(-1, 1));
                    default -> (float) (random.nextGaussian() * 1e-4);
                };
            }
            arrays.add(array);
        }
        return arrays;
    }

    private static float[] sum(List<float[]> arrays, int numParts, int numThreads) {
        int size = arrays.getFirst().length;
        List<FixedPointSum> parts = new ArrayList<>();
        for (int i = 0; i < numParts; i++) {
            parts.add(new FixedPointSum("test", size, numThreads));
        }
        for (int i = 0; i < arrays.size(); i++) {
            float[] copy = arrays.get(i).clone();
            parts.get(i % numParts).addAndClear(MemorySegment.ofArray(copy));
            assertThat(copy).isEqualTo(new float[size]);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment total = arena.allocate(FixedPointSum.bytes(0, size));
            for (FixedPointSum part : parts) {
                FixedPointSum.addWords(part.words(0, size), total);
                part.close();
            }
            float[] values = new float[size];
            FixedPointSum.toFloats(total, MemorySegment.ofArray(values));
            return values;
        }
    }

    private static int[] bits(float[] values) {
        return MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_INT);
    }

    private static long[] words(float value) {
        try (FixedPointSum sum = new FixedPointSum("test", 1, 1)) {
            sum.addAndClear(MemorySegment.ofArray(new float[]{value}));
            return sum.words(0, 1).toArray(ValueLayout.JAVA_LONG);
        }
    }

    private static BigDecimal value(long coarse, long fine) {
        return new BigDecimal(coarse).divide(COARSE).add(new BigDecimal(fine).divide(FINE));
    }

    private static BigDecimal onGrid(float value) {
        BigDecimal exact = new BigDecimal(value);
        BigDecimal coarse = exact.multiply(COARSE).setScale(0, RoundingMode.HALF_EVEN);
        BigDecimal rest = exact.subtract(coarse.divide(COARSE));
        BigDecimal fine = rest.multiply(FINE).setScale(0, RoundingMode.HALF_EVEN);
        return coarse.divide(COARSE).add(fine.divide(FINE));
    }
}
