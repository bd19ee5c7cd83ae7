package io.sparsebalance.data;

/**
 * A new shuffle every epoch: Fisher and Yates's, driven by SplitMix64 (Steele, Lea and Flood 2014) seeded from (seed, epoch).
 * Written out here, so that the order never changes with the JDK. Safe for use by many threads.
 */
public final class ShuffledOrder implements SampleOrder {
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private final long seed;
    private final int numSamples;
    private long epoch = -1;
    private int[] order;

    /**
     * An order of samples.
     *
     * @param numSamples of the training split, at least 1
     */
    public ShuffledOrder(long seed, long numSamples) {
        if (numSamples < 1 || numSamples > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("number of samples " + numSamples + " must be 1 to 2^31 - 9");
        }
        this.seed = seed;
        this.numSamples = (int) numSamples;
    }

    @Override
    public synchronized long sampleAt(long position) {
        if (position < 0) {
            throw new IllegalArgumentException("position " + position + " must not be negative");
        }
        long wanted = position / numSamples;
        if (wanted != epoch) {
            order = shuffle(wanted);
            epoch = wanted;
        }
        return order[(int) (position % numSamples)];
    }

    private int[] shuffle(long wantedEpoch) {
        int[] shuffled = new int[numSamples];
        for (int i = 0; i < numSamples; i++) {
            shuffled[i] = i;
        }
        long state = mix(seed + GAMMA) ^ mix(wantedEpoch * GAMMA + 1);
        for (int i = numSamples - 1; i > 0; i--) {
            state += GAMMA;
            int j = (int) Math.unsignedMultiplyHigh(mix(state), i + 1L);
            int moved = shuffled[i];
            shuffled[i] = shuffled[j];
            shuffled[j] = moved;
        }
        return shuffled;
    }

    private static long mix(long z) {
        long a = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        long b = (a ^ (a >>> 27)) * 0x94D049BB133111EBL;
        return b ^ (b >>> 31);
    }
}
