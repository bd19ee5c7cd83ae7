package io.sparsebalance.actors.rank;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.UpdateResult;
import io.sparsebalance.policies.Budgets;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;

/**
 * Everything a rank does on its device; the seam between the {@code Rank} actor and the engine. Every method is called on
 * the rank's device thread, one at a time, except where said.
 */
public interface RankWorker extends AutoCloseable {
    /** Device and model in one line. */
    String description();

    /** Number of parameters. */
    long numParameters();

    /** A clock of the calling thread, the device thread, that fits the device; the caller closes it. */
    default BusyClock busyClock() {
        return BusyClock.ofThisThread();
    }

    /** The step that the parameters are of when the worker was made, 0 for initial ones. */
    long appliedStep();

    /** Bytes of parameters and moments. */
    long stateBytes();

    /** Copies parameters and moments out, into as many bytes as {@link #stateBytes}. */
    void readState(MemorySegment target);

    /** Takes over parameters and moments that {@link #readState} of an equal worker wrote. */
    void writeState(MemorySegment source);

    /** Forward and backward of one micro-batch; adds to this rank's gradient. */
    MicroBatchResult runMicroBatch(List<SampleRef> samples, Budgets budgets, double lossScale);

    /**
     * This rank runs no more micro-batches of a step than so many, counted from the last step's end: what is final of their
     * gradient may be reduced while the last one runs. {@link #dropStep} takes it back. Any thread; called once a step, or never.
     */
    default void lastMicroBatch(long step, int numMicroBatches) {
        // To reduce at the end of the step is always right.
    }

    /** Runs a micro-batch and forgets its gradient, between steps: memory is there then and kernels are compiled. */
    MicroBatchResult warmUp(List<SampleRef> samples, Budgets budgets);

    /**
     * Ends a step: reduces the gradient with the other ranks through the collective, clips, updates, zeroes the gradient.
     * All ranks call it once a step, with the same step; a rank without work adds zero.
     *
     * @throws io.sparsebalance.engine.NonFiniteGradientException if the update is required and the gradient is not finite:
     *     parameters and moments are unchanged, and {@link #dropStep} must follow
     */
    StepEnd finishStep(long step, Update update);

    /** Drops the gradient of micro-batches whose step was not ended: it will be run again, or others ended it. */
    void dropStep();

    /** Sum of losses and number of targets of held-out samples, at the given budgets. */
    MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets);

    /** Writes a checkpoint; returns its directory. */
    Path saveCheckpoint(Path directory, long step) throws IOException;

    /** SHA-256 of parameters and moments. */
    String digest();

    /** Native bytes in use. */
    long memoryBytes();

    /** Tensors still open; asked after {@link #close()}, it is the leak counter. Any thread. */
    OptionalLong openTensors();

    @Override
    void close();

    /** Whether a step changes parameters and moments. */
    enum Update {
        /** It does; a gradient that is not finite is an error. */
        REQUIRED,
        /** It does, unless the gradient is not finite. */
        IF_FINITE,
        /** It does not. */
        NONE
    }

    /**
     * What ending a step found.
     *
     * @param waitNanos waited at the collective for the slowest rank
     * @param reduceNanos spent reducing
     * @param updateNanos spent clipping and updating
     */
    record StepEnd(UpdateResult update, int parameterChecksum, long waitNanos, long reduceNanos, long updateNanos) {}
}
