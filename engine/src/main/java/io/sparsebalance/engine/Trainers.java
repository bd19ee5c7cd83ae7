package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.SparseAttention;
import java.util.function.UnaryOperator;

/** Makes trainers. */
public final class Trainers {
    private Trainers() {
    }

    /**
     * A new replica with initial weights; equal seeds give equal bits on every platform.
     *
     * @param device where it lives; stays the caller's, who closes it after the trainer
     * @throws io.sparsebalance.kernels.DeviceMemoryException if parameters, gradient and moments do not fit
     */
    public static Trainer create(Device device, ModelConfig model, OptimizerConfig optimizer, long seed) {
        return create(device, model, optimizer, seed, UnaryOperator.identity());
    }

    /**
     * As {@link #create(Device, ModelConfig, OptimizerConfig, long)}, with an observer between decoder and attention.
     *
     * @param observer gets the device's attention and returns one that does the same, and may measure or look on: it sees
     *            every layer's q, k and block lists
     */
    public static Trainer create(Device device, ModelConfig model, OptimizerConfig optimizer, long seed,
            UnaryOperator<SparseAttention> observer) {
        return new DecoderTrainer(device, model, optimizer, seed, device.chunkBytes(), observer);
    }
}
