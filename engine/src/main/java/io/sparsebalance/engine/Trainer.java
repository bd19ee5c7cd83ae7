package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * One replica of the model with its gradient and optimizer state, on one device. All methods are called on the device's
 * thread. Parameters, gradients and moments are each one flat tensor, in one fixed order, so that collectives, digests and
 * updates see one array.
 */
public interface Trainer extends AutoCloseable {
    /** Shape of the model. */
    ModelConfig model();

    /** Number of parameters. */
    long numParameters();

    /** All parameters, flat F32. */
    Tensor parameters();

    /**
     * Gradient of the loss with respect to {@link #parameters()}, flat, F32 unless {@link ReplicaMemory} says otherwise; sums over
     * micro-batches until zeroed.
     */
    Tensor gradients();

    /** Sets the gradient to zero. */
    void zeroGradients();

    /**
     * Forward and backward; adds to the gradient.
     *
     * @param budgets attention budget of each layer
     * @param coverageBudgets budgets at which coverage is sampled, ascending
     * @param lossScale gradient of the total loss by this batch's loss sum: 1 / targets of the global batch
     */
    default MicroBatchResult forwardBackward(TokenBatch batch, int[] budgets, int[] coverageBudgets,
            double lossScale) {
        return forwardBackward(batch, budgets, coverageBudgets, lossScale, range -> {});
    }

    /**
     * As {@link #forwardBackward(TokenBatch, int[], int[], double)}, and says how far the backward is.
     *
     * @param complete is told, on the calling thread, of the ranges of {@link #gradientOrder} in their order, all but the last
     *            few: the batch has done with them; on an accelerator the work is queued, no more
     */
    MicroBatchResult forwardBackward(TokenBatch batch, int[] budgets, int[] coverageBudgets, double lossScale,
            Consumer<GradientRange> complete);

    /** The whole gradient in ranges, in the order in which a backward has done with them. */
    List<GradientRange> gradientOrder();

    /** Forward only. */
    MicroBatchResult evaluate(TokenBatch batch, int[] budgets);

    /**
     * Checks the gradient, clips it by global norm, and updates the parameters. Of replicas that share them, the first one does, and
     * the others, whose gradients must be the same, wait for it.
     *
     * @param step number of the update, from 1
     * @throws NonFiniteGradientException if the gradient holds NaN or infinity; nothing was changed
     */
    UpdateResult update(long step);

    /** A checksum of the parameters; equal on all replicas of one kind of device. */
    int parameterChecksum();

    /** SHA-256 of parameters and both moments, hexadecimal. */
    String digest();

    /** Bytes of parameters and both moments. */
    long stateBytes();

    /**
     * Copies parameters and both moments, F32 one after the other: the bytes that {@link #digest} is of.
     *
     * @param target {@link #stateBytes} bytes of native memory
     */
    void readState(MemorySegment target);

    /**
     * Replaces parameters and both moments; what another replica's {@link #readState} gave makes this one equal to it, bit for
     * bit. Check its SHA-256 before.
     *
     * @param source {@link #stateBytes} bytes of native memory
     */
    void writeState(MemorySegment source);

    /**
     * Writes parameters, moments and step into {@code directory/step-NNNNNNNN} so that a reader sees all of it or nothing,
     * then points {@code latest} to it and deletes all but the newest two.
     *
     * @return the new checkpoint's directory
     */
    Path saveCheckpoint(Path directory, long step) throws IOException;

    /**
     * Reads the newest whole checkpoint under {@code directory}; a corrupt one is refused, reported, and the previous one
     * used.
     *
     * @return its step
     * @throws IOException if there is none that is whole and of this model's shape; says why
     */
    long loadCheckpoint(Path directory) throws IOException;

    @Override
    void close();
}
