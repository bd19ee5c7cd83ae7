package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;

/** Argument checks of operations; every message names the operation and the tensors. */
final class CudaChecks {
    private CudaChecks() {
    }

    /** A tensor in device memory, of any type. */
    static CudaTensor tensor(String operation, String name, Tensor tensor) {
        if (!(tensor instanceof CudaTensor cuda)) {
            throw new IllegalArgumentException(operation + ": " + name + " is not a tensor of a CUDA device");
        }
        return cuda;
    }

    /** A tensor in device memory, of this type. */
    static CudaTensor tensor(String operation, String name, Tensor tensor, DType type) {
        CudaTensor cuda = tensor(operation, name, tensor);
        that(cuda.type() == type, operation, name + " is " + cuda + ", but must be " + type);
        return cuda;
    }

    /** A matrix in device memory, of this type. */
    static CudaTensor matrix(String operation, String name, Tensor tensor, DType type) {
        CudaTensor cuda = tensor(operation, name, tensor, type);
        that(cuda.rank() == 2, operation, name + " is " + cuda + ", but must have two dimensions");
        return cuda;
    }

    /** Elements of a tensor must be this many. */
    static void size(String operation, String name, CudaTensor tensor, long size) {
        that(tensor.size() == size, operation,
                name + " is " + tensor + " with " + tensor.size() + " elements, but must have " + size);
    }

    /** A stream of a CUDA device. */
    static CudaStream stream(Stream stream) {
        if (!(stream instanceof CudaStream cuda)) {
            throw new IllegalArgumentException("the stream is not of a CUDA device");
        }
        return cuda;
    }

    /** Anything that must hold. */
    static void that(boolean condition, String operation, String message) {
        if (!condition) {
            throw new IllegalArgumentException(operation + ": " + message);
        }
    }
}
