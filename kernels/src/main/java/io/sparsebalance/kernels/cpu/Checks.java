package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;

/** Argument checks of operations; every message names the operation and the tensors. */
final class Checks {
    private Checks() {
    }

    /** A CPU tensor of this type. */
    static CpuTensor tensor(String operation, String name, Tensor tensor, DType type) {
        if (!(tensor instanceof CpuTensor cpu)) {
            throw new IllegalArgumentException(operation + ": " + name + " is not a tensor of a CPU device");
        }
        if (cpu.type() != type) {
            throw new IllegalArgumentException(operation + ": " + name + " is " + cpu + ", but must be " + type);
        }
        return cpu;
    }

    /** Elements of a tensor must be this many. */
    static void size(String operation, String name, CpuTensor tensor, long size) {
        if (tensor.size() != size) {
            throw new IllegalArgumentException(operation + ": " + name + " is " + tensor + " with " + tensor.size()
                    + " elements, but must have " + size);
        }
    }

    /** Anything that must hold. */
    static void that(boolean condition, String operation, String message) {
        if (!condition) {
            throw new IllegalArgumentException(operation + ": " + message);
        }
    }
}
