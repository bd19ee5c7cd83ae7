package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Sums a rank's gradient with the other ranks'. Gradients that the JVM cannot address are added up where they are if the ranks
 * share one device's memory, and pass through page-locked memory of the host else. Device thread only.
 */
final class GradientReduction implements AutoCloseable {
    private final Device device;
    private final Collective collective;
    private final int numRanks;
    private Tensor staging;

    GradientReduction(Device device, Collective collective, int numRanks) {
        this.device = device;
        this.collective = collective;
        this.numRanks = numRanks;
    }

    /** Sums; returns the nanoseconds waited for the last rank to enter. */
    long allReduceSum(Tensor gradients, long step) {
        if (gradients.isAddressable()) {
            return collective.allReduceSum(gradients.segment(), step);
        }
        if (numRanks == 1) {
            // Nothing to add: the collective only notes the step.
            return collective.allReduceSum(MemorySegment.NULL, step);
        }
        if (collective.isInProcess() && device.ranksShareMemory()) {
            device.stream().synchronize();
            return collective.allReduceSum(new DeviceArray(device, gradients), step);
        }
        if (staging == null) {
            staging = device.allocateHost(DType.F32, gradients.size());
        }
        gradients.download(staging.segment());
        long waitNanos = collective.allReduceSum(staging.segment(), step);
        gradients.upload(staging.segment());
        return waitNanos;
    }

    @Override
    public void close() {
        if (staging != null) {
            staging.close();
        }
    }
}
