package io.sparsebalance.policies.workload;

import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;

/** Document lengths one after the other. Not shared between threads. */
public final class LengthStream {
    private final ToDoubleFunction<RandomGenerator> source;
    private final SplittableRandom random;
    private final int context;
    private long numDrawn;
    private long numTruncated;

    LengthStream(ToDoubleFunction<RandomGenerator> source, long seed, int context) {
        if (context < 2) {
            throw new IllegalArgumentException("context " + context + " must be at least 2 tokens");
        }
        this.source = source;
        this.random = new SplittableRandom(seed);
        this.context = context;
    }

    /** The next length, at least 1, at most the context. */
    public int next() {
        double length = source.applyAsDouble(random);
        numDrawn++;
        if (length > context) {
            numTruncated++;
            return context;
        }
        return (int) length;
    }

    /** The next lengths. */
    public int[] next(int count) {
        int[] lengths = new int[count];
        for (int i = 0; i < count; i++) {
            lengths[i] = next();
        }
        return lengths;
    }

    /** Share of the lengths so far that were truncated to the context. */
    public double truncatedShare() {
        return numDrawn == 0 ? 0 : (double) numTruncated / numDrawn;
    }
}
