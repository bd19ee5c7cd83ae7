package io.sparsebalance.data;

/**
 * Order of the training samples: a pure function of (seed, epoch), so that any position can be found again after a restart.
 */
public interface SampleOrder {
    /**
     * Number of the sample at a position counted from the start of training; the epoch is position / numSamples. Within an
     * epoch every sample comes once.
     */
    long sampleAt(long position);
}
