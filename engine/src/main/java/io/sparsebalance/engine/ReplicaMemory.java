package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import java.util.Objects;
import java.util.Optional;

/**
 * What a replica keeps, and what it keeps together with others.
 *
 * @param gradients type of the gradient of weights: F32, or the device's compute type, which takes half the memory and rounds each
 *            sum
 * @param shared parameters and moments of all ranks on the device, or empty for the replica's own
 */
public record ReplicaMemory(DType gradients, Optional<SharedParameters> shared) {
    /** All its own, with gradients in F32. */
    public static final ReplicaMemory OWN = new ReplicaMemory(DType.F32, Optional.empty());

    /** Checks the type. */
    public ReplicaMemory {
        Objects.requireNonNull(shared, "shared");
        if (gradients != DType.F32 && gradients != DType.BF16) {
            throw new IllegalArgumentException("gradients of type " + gradients + "; use F32 or BF16");
        }
    }
}
