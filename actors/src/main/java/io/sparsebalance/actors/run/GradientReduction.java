package io.sparsebalance.actors.run;

import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.Tensor;

/** Adds up the gradients of micro-batches and ranks. Device thread, except where said. */
interface GradientReduction extends AutoCloseable {
    /** A micro-batch begins. */
    default void microBatchBegins() {
        // Most have nothing to prepare.
    }

    /** The running micro-batch has done with a part of the gradient. */
    default void complete(Tensor gradients, GradientRange range) {
        // Most take the gradient as a whole.
    }

    /**
     * This rank gets no more micro-batches of a step than so many, the running one included: their gradients may be reduced as they
     * become final. Any thread.
     */
    default void lastMicroBatch(long step, int numMicroBatches) {
        // Most reduce at the end of the step.
    }

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
