package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The flat tensors of a replica, in the order of its {@link ParameterLayout}: F32, and, on a device that computes with another
 * type, the matrices in that type, which the products read.
 */
final class TrainingState implements AutoCloseable {
    private final ParameterLayout layout;
    private final List<Tensor> tensors;
    private final Tensor computeCopy;

    private TrainingState(ParameterLayout layout, List<Tensor> tensors, Tensor computeCopy) {
        this.layout = layout;
        this.tensors = tensors;
        this.computeCopy = computeCopy;
    }

    /**
     * Allocates all, zeroed.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if one does not fit; then none is left allocated
     */
    static TrainingState allocate(Device device, ParameterLayout layout) {
        List<Tensor> tensors = new ArrayList<>();
        try {
            for (int i = 0; i < 4; i++) {
                tensors.add(device.allocate(DType.F32, layout.numParameters()));
            }
            Tensor computeCopy = device.computeType() == DType.F32
                    ? null
                    : device.allocate(device.computeType(), layout.numMatrixElements());
            return new TrainingState(layout, List.copyOf(tensors), computeCopy);
        } catch (RuntimeException | Error e) {
            tensors.forEach(Tensor::close);
            throw e;
        }
    }

    /** Where each weight lies. */
    ParameterLayout layout() {
        return layout;
    }

    /** All parameters, F32. */
    Tensor parameters() {
        return tensors.get(0);
    }

    /** Gradient of the loss, F32. */
    Tensor gradients() {
        return tensors.get(1);
    }

    /** First moment of the gradient, F32. */
    Tensor firstMoment() {
        return tensors.get(2);
    }

    /** Second moment of the gradient, F32. */
    Tensor secondMoment() {
        return tensors.get(3);
    }

    /** Matrices in the device's compute type, at the places of the layout; null where that is F32. */
    Tensor computeCopy() {
        return computeCopy;
    }

    /** What products read: the copy, or the parameters themselves. */
    Tensor matrices() {
        return computeCopy == null ? parameters() : computeCopy;
    }

    /** Makes the copy follow parameters that were written from outside. */
    void refreshCopy(DecoderContext context) {
        if (computeCopy != null) {
            context.ops().copy(context.stream(), parameters().view(0, layout.numMatrixElements()), computeCopy);
        }
    }

    @Override
    public void close() {
        tensors.forEach(Tensor::close);
        if (computeCopy != null) {
            computeCopy.close();
        }
    }
}
