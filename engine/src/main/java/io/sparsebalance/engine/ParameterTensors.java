package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What an update leaves behind, in the order of a {@link ParameterLayout}: parameters and both moments, F32, and, on a device that
 * computes with another type, the matrices in that type, which products read.
 *
 * @param computeCopy null where the device computes in F32
 */
record ParameterTensors(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor computeCopy)
        implements
            AutoCloseable {
    /**
     * Allocates all, zeroed.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if one does not fit; then none is left allocated
     */
    static ParameterTensors allocate(Device device, ParameterLayout layout) {
        List<Tensor> tensors = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) {
                tensors.add(device.allocate(DType.F32, layout.numParameters()));
            }
            Tensor computeCopy = device.computeType() == DType.F32
                    ? null
                    : device.allocate(device.computeType(), layout.numMatrixElements());
            return new ParameterTensors(tensors.get(0), tensors.get(1), tensors.get(2), computeCopy);
        } catch (RuntimeException | Error e) {
            tensors.forEach(Tensor::close);
            throw e;
        }
    }

    /** What products read: the copy, or the parameters themselves. */
    Tensor matrices() {
        return computeCopy == null ? parameters : computeCopy;
    }

    /** Makes the copy follow parameters that were written from outside; waits until it does. */
    void refreshCopy(DecoderContext context) {
        if (computeCopy != null) {
            context.ops().copy(context.stream(), parameters.view(0, computeCopy.size()), computeCopy);
            context.stream().synchronize();
        }
    }

    @Override
    public void close() {
        parameters.close();
        firstMoment.close();
        secondMoment.close();
        if (computeCopy != null) {
            computeCopy.close();
        }
    }
}
