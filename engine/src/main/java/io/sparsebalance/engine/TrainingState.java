package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;

/** The four flat tensors of a replica, in the order of its {@link ParameterLayout}. */
record TrainingState(ParameterLayout layout, Tensor parameters, Tensor gradients, Tensor firstMoment,
        Tensor secondMoment) implements AutoCloseable {
    /**
     * Allocates all four, zeroed.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if one does not fit; then none is left allocated
     */
    static TrainingState allocate(Device device, ParameterLayout layout) {
        Tensor[] tensors = new Tensor[4];
        try {
            for (int i = 0; i < tensors.length; i++) {
                tensors[i] = device.allocate(DType.F32, layout.numParameters());
            }
        } catch (RuntimeException e) {
            for (Tensor tensor : tensors) {
                if (tensor != null) {
                    tensor.close();
                }
            }
            throw e;
        }
        return new TrainingState(layout, tensors[0], tensors[1], tensors[2], tensors[3]);
    }

    @Override
    public void close() {
        parameters.close();
        gradients.close();
        firstMoment.close();
        secondMoment.close();
    }
}
