package io.sparsebalance.engine;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/** Makes trainers. */
public final class Trainers {
    /** Tokens of a document, so that attention takes little of the time. */
    private static final int WARM_UP_DOCUMENT = 1024;

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
        return create(device, model, optimizer, seed, observer, ReplicaMemory.OWN);
    }

    /** As {@link #create(Device, ModelConfig, OptimizerConfig, long, UnaryOperator)}, with what the replica keeps. */
    public static Trainer create(Device device, ModelConfig model, OptimizerConfig optimizer, long seed,
            UnaryOperator<SparseAttention> observer, ReplicaMemory memory) {
        return new DecoderTrainer(device, model, optimizer, seed, device.chunkBytes(), observer, memory);
    }

    /**
     * Runs made-up micro-batches of {@code mostTokens} tokens and of every smaller power of two: takes the memory of the
     * largest, and leaves to no measured micro-batch what an accelerator does when an operation is first used, which may be
     * once in an octave of sizes. Parameters stay as they
     * are, the gradient is zero afterwards.
     *
     * @param budget of all layers
     * @param coverageBudgets as in {@link Trainer#forwardBackward}
     * @throws io.sparsebalance.kernels.DeviceMemoryException if a micro-batch of {@code mostTokens} does not fit
     */
    public static void warmUp(Device device, Trainer trainer, int mostTokens, int budget, int[] coverageBudgets) {
        int[] budgets = new int[trainer.model().layers()];
        Arrays.fill(budgets, budget);
        for (int numTokens = mostTokens; numTokens > 0; numTokens = Integer.highestOneBit(numTokens - 1)) {
            List<Integer> lengths = new ArrayList<>();
            for (int left = numTokens; left > 0; left -= WARM_UP_DOCUMENT) {
                lengths.add(Math.min(left, WARM_UP_DOCUMENT));
            }
            // Zeroed, which is a word like any other.
            try (Tensor tokens = device.allocate(DType.I32, numTokens)) {
                trainer.forwardBackward(new TokenBatch(Packing.ofLengths(lengths), tokens, tokens, numTokens), budgets,
                        coverageBudgets, 1.0 / numTokens);
            }
        }
        trainer.zeroGradients();
        device.stream().synchronize();
    }
}
