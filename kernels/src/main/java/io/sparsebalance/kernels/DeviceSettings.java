package io.sparsebalance.kernels;

/**
 * How a device is opened.
 *
 * @param numThreads most threads of the processor that one operation may use, the calling one included; at least 1
 * @param rank number of the rank it is for, from 0; ranks are spread over the devices of a kind in turn
 * @param numRanks ranks of this process, which share the devices
 * @param memoryBudgetBytes most bytes of device memory that tensors may take, or 0 for this rank's share of what is there
 * @param poison fill released memory with NaN and check that nothing wrote behind a tensor's end; slow, for tests
 * @param addQueryGradients in attention's backward, add up gradients of queries in F32 where those of keys are computed, in
 *            whatever order, on devices that know it; else by themselves, in a fixed order
 */
public record DeviceSettings(int numThreads, int rank, int numRanks, long memoryBudgetBytes, boolean poison,
        boolean addQueryGradients) {
    /** Checks the ranges. */
    public DeviceSettings {
        if (numThreads < 1) {
            throw new IllegalArgumentException("a device needs at least 1 thread, not " + numThreads);
        }
        if (rank < 0 || rank >= numRanks) {
            throw new IllegalArgumentException("rank " + rank + " of " + numRanks + " does not exist");
        }
        if (memoryBudgetBytes < 0) {
            throw new IllegalArgumentException("a memory budget of " + memoryBudgetBytes + " bytes is negative");
        }
    }

    /** With every sum in a fixed order. */
    public DeviceSettings(int numThreads, int rank, int numRanks, long memoryBudgetBytes, boolean poison) {
        this(numThreads, rank, numRanks, memoryBudgetBytes, poison, false);
    }

    /** The only rank, with all the memory there is. */
    public static DeviceSettings ofThreads(int numThreads) {
        return new DeviceSettings(numThreads, 0, 1, 0, false);
    }
}
