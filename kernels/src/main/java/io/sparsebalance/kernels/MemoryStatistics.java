package io.sparsebalance.kernels;

/**
 * Native memory of a device.
 *
 * @param usedBytes bytes of tensors that are open now
 * @param peakBytes highest value of {@code usedBytes} so far
 * @param numTensors tensors that are open now; after everything was closed this must be 0, and is the leak counter
 */
public record MemoryStatistics(long usedBytes, long peakBytes, long numTensors) {}
