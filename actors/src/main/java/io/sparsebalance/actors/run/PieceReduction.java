package io.sparsebalance.actors.run;

import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.Tensor;

/** Adds up an addressable gradient piece by piece. A piece begins at a multiple of {@code FixedPointSum.BLOCK}. */
interface PieceReduction extends AutoCloseable {
    /** A micro-batch has done with a piece. Device thread. */
    void take(Tensor gradients, GradientRange piece);

    /**
     * Replaces a piece by its sum over all micro-batches and ranks. One thread at a time; others may {@link #take} other pieces.
     *
     * @return nanoseconds waited for the last rank to enter
     */
    long reduce(Tensor gradients, GradientRange piece, long step);

    /** All pieces of a step were reduced. Device thread. */
    void end();

    /** Forgets what was taken of a step that will not be reduced. Device thread. */
    void drop();

    /** Bytes of the host that are held besides the device's. */
    long bytes();

    @Override
    void close();
}
