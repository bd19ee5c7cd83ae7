package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;

/**
 * Plain F32: micro-batches add up on the device in the order that they were run in, ranks in their order. Gradients that the JVM
 * cannot address are added up where they are if the ranks share one device's memory, between devices if those are connected, and
 * pass through page-locked memory of the host else.
 */
final class FastReduction implements GradientReduction, PieceReduction {
    private final Device device;
    private final Collective collective;
    private final boolean alone;
    private Tensor staging;

    /** @param alone whether there is never another rank */
    FastReduction(Device device, Collective collective, boolean alone) {
        this.device = device;
        this.collective = collective;
        this.alone = alone;
    }

    @Override
    public void microBatchEnded(Tensor gradients) {
        // The next micro-batch's kernels add to the same tensor.
    }

    @Override
    public long reduce(Tensor gradients, long step) {
        if (gradients.isAddressable()) {
            return collective.allReduceSum(gradients.segment(), step);
        }
        if (alone) {
            // Nothing to add: the collective only notes the step.
            return collective.allReduceSum(MemorySegment.NULL, step);
        }
        if (collective.isInProcess() && device.ranksShareMemory()) {
            device.stream().synchronize();
            return collective.allReduceSum(new DeviceArray(device, gradients), step);
        }
        if (collective.linksDevices(step)) {
            return collective.allReduceSum(gradients, step);
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
    public void take(Tensor gradients, GradientRange piece) {
        // It is added up in the gradient itself.
    }

    @Override
    public long reduce(Tensor gradients, GradientRange piece, long step) {
        return collective.allReduceSum(piece.bytesOf(gradients.segment()), step);
    }

    @Override
    public void end() {
        // Nothing is kept.
    }

    @Override
    public void drop() {
        // What was added up is in the gradient itself.
    }

    @Override
    public long bytes() {
        return 0;
    }

    @Override
    public void close() {
        if (staging != null) {
            staging.close();
        }
    }
}
