package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.function.BiConsumer;

/**
 * Plain F32: micro-batches add up on the device in the order that they were run in, ranks in their order. Gradients that the JVM
 * cannot address are added up where they are if the ranks share one device's memory, between devices if those are connected, and
 * pass through page-locked memory of the host else.
 */
final class FastReduction implements GradientReduction, PieceReduction {
    private static final long WIDE_ELEMENTS = 1L << 24;

    private final Device device;
    private final Collective collective;
    private final boolean alone;
    private Tensor staging;
    /** A piece of a gradient that is not F32. */
    private Tensor wide;

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
        if (gradients.type() == DType.F32 && collective.linksDevices(step)) {
            return collective.allReduceSum(gradients, step);
        }
        if (staging == null) {
            staging = device.allocateHost(DType.F32, gradients.size());
        }
        pass(gradients, (piece, host) -> {
            Tensor values = piece;
            if (wide != null) {
                values = wide.view(0, piece.size());
                device.ops().copy(device.stream(), piece, values);
            }
            values.download(host);
        });
        long waitNanos = collective.allReduceSum(staging.segment(), step);
        pass(gradients, (piece, host) -> {
            if (wide == null) {
                piece.upload(host);
            } else {
                Tensor values = wide.view(0, piece.size());
                values.upload(host);
                device.ops().copy(device.stream(), values, piece);
            }
        });
        return waitNanos;
    }

    /** All of the gradient at once if it is F32; else piece by piece, each of which is converted in between. */
    private void pass(Tensor gradients, BiConsumer<Tensor, MemorySegment> way) {
        if (gradients.type() == DType.F32) {
            way.accept(gradients, staging.segment());
            return;
        }
        if (wide == null) {
            wide = device.allocate(DType.F32, Math.min(WIDE_ELEMENTS, gradients.size()));
        }
        for (long from = 0; from < gradients.size(); from += WIDE_ELEMENTS) {
            long size = Math.min(WIDE_ELEMENTS, gradients.size() - from);
            way.accept(gradients.view(from, size),
                    staging.segment().asSlice(from * Float.BYTES, size * Float.BYTES));
        }
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
        if (wide != null) {
            wide.close();
        }
    }
}
