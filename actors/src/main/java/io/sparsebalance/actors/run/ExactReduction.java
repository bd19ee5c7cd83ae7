package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cpu.FixedPointSum;

/**
 * Each micro-batch's gradient goes into a fixed-point sum by itself, so the result does not depend on which rank ran which
 * micro-batch, in which order, or on how many ranks there are. A gradient that the JVM cannot address is copied to page-locked
 * memory of the host after each micro-batch.
 */
final class ExactReduction implements GradientReduction, PieceReduction {
    private final Device device;
    private final Collective collective;
    private final FixedPointSum sum;
    private Tensor staging;

    /**
     * Borrows device and collective.
     *
     * @param numThreads threads that add, this one included
     * @throws io.sparsebalance.kernels.DeviceMemoryException if the memory for the sum is not there
     */
    ExactReduction(Device device, Collective collective, long numParameters, int numThreads) {
        this.device = device;
        this.collective = collective;
        this.sum = new FixedPointSum(Thread.currentThread().getName() + "-sum", numParameters, numThreads);
    }

    @Override
    public void microBatchEnded(Tensor gradients) {
        if (gradients.isAddressable()) {
            sum.addAndClear(gradients.segment());
            return;
        }
        Tensor host = staging(gradients);
        gradients.download(host.segment());
        sum.addAndClear(host.segment());
        device.ops().fill(device.stream(), gradients, 0);
    }

    @Override
    public long reduce(Tensor gradients, long step) {
        long waitNanos;
        if (gradients.isAddressable()) {
            waitNanos = collective.allReduceExact(sum, gradients.segment(), step);
        } else {
            Tensor host = staging(gradients);
            waitNanos = collective.allReduceExact(sum, host.segment(), step);
            gradients.upload(host.segment());
        }
        sum.clear();
        return waitNanos;
    }

    @Override
    public void take(Tensor gradients, GradientRange piece) {
        sum.addAndClear(piece.bytesOf(gradients.segment()), piece.from());
    }

    @Override
    public long reduce(Tensor gradients, GradientRange piece, long step) {
        return collective.allReduceExact(sum.part(piece.from(), piece.to()), piece.bytesOf(gradients.segment()), step);
    }

    @Override
    public void end() {
        sum.clear();
    }

    @Override
    public void drop() {
        sum.clear();
    }

    private Tensor staging(Tensor gradients) {
        if (staging == null) {
            staging = device.allocateHost(DType.F32, gradients.size());
        }
        return staging;
    }

    @Override
    public long bytes() {
        return sum.bytes();
    }

    @Override
    public void close() {
        try (sum) {
            if (staging != null) {
                staging.close();
            }
        }
    }
}
