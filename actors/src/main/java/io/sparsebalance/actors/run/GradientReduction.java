package io.sparsebalance.actors.run;

import io.sparsebalance.kernels.Tensor;

/** Adds up the gradients of micro-batches and ranks. Device thread only. */
interface GradientReduction extends AutoCloseable {
    /** Takes the gradient as it stands after a micro-batch; the next one is added to what this leaves. */
    void microBatchEnded(Tensor gradients);

    /**
     * Replaces the gradient by its sum over all micro-batches and ranks.
     *
     * @return nanoseconds waited for the last rank to enter
     */
    long reduce(Tensor gradients, long step);

    /** Forgets what was taken of a step that will not be reduced. */
    void drop();

    /** Bytes of the host that are held besides the device's. */
    long bytes();

    @Override
    void close();
}
