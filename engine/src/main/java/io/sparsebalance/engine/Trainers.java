package io.sparsebalance.engine;

import io.sparsebalance.kernels.Device;

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
        return new DecoderTrainer(device, model, optimizer, seed, device.chunkBytes());
    }
}
