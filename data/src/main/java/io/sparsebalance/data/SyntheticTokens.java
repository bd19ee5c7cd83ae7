package io.sparsebalance.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/**
 * Samples of given lengths whose tokens are drawn evenly from a vocabulary: for measurements, which depend on lengths and not on
 * text. A sample's tokens are a function of (seed, number of the sample). There is nothing to learn in them and nothing held out.
 */
public final class SyntheticTokens implements TokenSource {
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private final int[] lengths;
    private final long[] offsets;
    private final int vocabulary;
    private final long seed;

    /**
     * Samples in this order.
     *
     * @param lengths tokens of each, at least 1
     * @param vocabulary number of different tokens, at least 1
     */
    public SyntheticTokens(int[] lengths, int vocabulary, long seed) {
        this.lengths = lengths.clone();
        this.offsets = new long[lengths.length + 1];
        for (int i = 0; i < lengths.length; i++) {
            if (lengths[i] < 1) {
                throw new IllegalArgumentException(
                        "sample " + i + " has " + lengths[i] + " tokens, must have at least 1");
            }
            offsets[i + 1] = offsets[i] + lengths[i];
        }
        if (vocabulary < 1) {
            throw new IllegalArgumentException("a vocabulary of " + vocabulary + " has no token to draw");
        }
        this.vocabulary = vocabulary;
        this.seed = seed;
    }

    @Override
    public String fingerprint() {
        return Long.toHexString(LongStream.concat(LongStream.of(seed, vocabulary), LongStream.of(offsets))
                .reduce(0, (hash, value) -> (hash ^ value) * GAMMA));
    }

    @Override
    public int vocabulary() {
        return vocabulary;
    }

    /** Number of all tokens. */
    public long numTokens() {
        return offsets[lengths.length];
    }

    @Override
    public long numSamples(Split split) {
        return split == Split.TRAIN ? lengths.length : 0;
    }

    @Override
    public SampleRef sample(Split split, long index) {
        if (index < 0 || index >= numSamples(split)) {
            throw new IndexOutOfBoundsException("sample " + index + " of " + numSamples(split) + ", " + split);
        }
        return new SampleRef(index, offsets[(int) index], lengths[(int) index]);
    }

    @Override
    public void copyTokens(SampleRef sample, MemorySegment target, long targetIndex) {
        SplittableRandom random = new SplittableRandom(seed + GAMMA * sample.id());
        for (int i = 0; i < sample.length(); i++) {
            target.setAtIndex(ValueLayout.JAVA_INT, targetIndex + i, random.nextInt(vocabulary));
        }
    }

    @Override
    public void close() {
        // Holds nothing.
    }
}
