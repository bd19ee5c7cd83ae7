package io.sparsebalance.data;

import java.lang.foreign.MemorySegment;

/** Samples of a data set with their tokens. Safe for use by many threads. */
public interface TokenSource extends AutoCloseable {
    /** Identifies content and settings: equal fingerprints mean equal samples in equal order. Hexadecimal. */
    String fingerprint();

    /** Number of different tokens, V. */
    int vocabulary();

    /** Samples of a split. */
    long numSamples(Split split);

    /** A sample by number. */
    SampleRef sample(Split split, long index);

    /**
     * Copies tokens as I32 into native memory.
     *
     * @param target at least {@code 4 * (targetIndex + sample.length())} bytes
     * @param targetIndex first element written
     */
    void copyTokens(SampleRef sample, MemorySegment target, long targetIndex);

    @Override
    void close();

    /** Parts of a data set; a document belongs to one of them for ever, by a hash of its content. */
    enum Split {
        /** Trained on. */
        TRAIN,
        /** Never trained on; evaluated. */
        HELD_OUT
    }
}
