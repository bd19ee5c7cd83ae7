package io.sparsebalance.engine;

import java.nio.charset.StandardCharsets;

/**
 * Normal deviates for the initial weights: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
 * OOPSLA 2014) and the transform of Box and Muller (1958). Each weight has its own sequence, given by the run's seed and
 * the weight's name, so that a weight starts alike in models of different depth. {@link StrictMath} makes the bits the same
 * on every platform.
 */
final class NormalGenerator {
    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
    private static final long FNV_OFFSET = 0xCBF29CE484222325L;
    private static final long FNV_PRIME = 0x100000001B3L;
    private static final double TWO_TO_MINUS_53 = 0x1.0p-53;

    private long state;
    private double spare;
    private boolean hasSpare;

    /** The sequence of one weight. */
    NormalGenerator(long seed, String name) {
        this.state = mix(seed) ^ hash(name);
    }

    /** Passes over the next {@code count} deviates, an even number, in constant time. */
    void skip(long count) {
        if (count % 2 != 0 || hasSpare) {
            throw new IllegalArgumentException("deviates are drawn in pairs; cannot skip " + count);
        }
        state += GOLDEN_GAMMA * count;
    }

    /** The next deviate, mean 0 and variance 1. */
    double next() {
        if (hasSpare) {
            hasSpare = false;
            return spare;
        }
        // In (0, 1], so that the logarithm is finite.
        double first = ((nextLong() >>> 11) + 1) * TWO_TO_MINUS_53;
        double second = (nextLong() >>> 11) * TWO_TO_MINUS_53;
        double radius = Math.sqrt(-2 * StrictMath.log(first));
        double angle = 2 * Math.PI * second;
        spare = radius * StrictMath.sin(angle);
        hasSpare = true;
        return radius * StrictMath.cos(angle);
    }

    private long nextLong() {
        state += GOLDEN_GAMMA;
        return mix(state);
    }

    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** FNV-1a, 64 bits. */
    private static long hash(String name) {
        long hash = FNV_OFFSET;
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xFF)) * FNV_PRIME;
        }
        return hash;
    }
}
