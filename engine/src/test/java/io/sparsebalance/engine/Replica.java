package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;

/** A trainer on a CPU device of its own, with the batches given to it; closing checks that nothing leaked. */
final class Replica implements AutoCloseable {
    static final OptimizerConfig OPTIMIZER = new OptimizerConfig(3e-3, 0.1, 10, 400, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0);

    private final Device device;
    private final DecoderTrainer trainer;
    private final List<Tensor> tensors = new ArrayList<>();

    Replica(ModelConfig model) {
        this(model, OPTIMIZER, 1, 16L << 20);
    }

    Replica(ModelConfig model, OptimizerConfig optimizer, int numThreads, long chunkBytes) {
        this(model, optimizer, numThreads, chunkBytes, ReplicaMemory.OWN);
    }

    Replica(ModelConfig model, OptimizerConfig optimizer, int numThreads, long chunkBytes, ReplicaMemory memory) {
        this.device = Devices.open("cpu", numThreads);
        this.trainer = new DecoderTrainer(device, model, optimizer, 17, chunkBytes, UnaryOperator.identity(), memory);
    }

    /** Two layers, four query heads of two key/value heads, blocks and tiles small enough for tests. */
    static ModelConfig tinyModel(boolean qkNorm, boolean tied, boolean recompute) {
        AttentionShape attention = new AttentionShape(4, 2, 8, 32, 16, 0, 0);
        return new ModelConfig(23, 2, 24, 40, attention, 10_000, 1e-5f, qkNorm, tied, recompute);
    }

    DecoderTrainer trainer() {
        return trainer;
    }

    Device device() {
        return device;
    }

    /** Weights large enough that every part of the model matters to the loss. */
    Replica withLargeWeights(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment memory = trainer.parameters().segment();
        for (ParameterLayout.Entry entry : trainer.layout().entries()) {
            for (long i = 0; i < entry.size(); i++) {
                double value = entry.matrix() ? 0.3 * random.nextGaussian() : 1 + 0.3 * random.nextGaussian();
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, entry.offset() + i, (float) value);
            }
        }
        return this;
    }

    /** A batch of the given documents; each position's target is the next token, the last has none. */
    TokenBatch batch(int[]... documents) {
        int[] tokens = Arrays.stream(documents).flatMapToInt(Arrays::stream).toArray();
        int[] targets = new int[tokens.length];
        int position = 0;
        for (int[] document : documents) {
            for (int i = 0; i < document.length; i++) {
                targets[position++] = i + 1 < document.length ? document[i + 1] : -1;
            }
        }
        return batch(tokens, targets, Arrays.stream(documents).map(document -> document.length).toList());
    }

    TokenBatch batch(int[] tokens, int[] targets, List<Integer> lengths) {
        long numTargets = Arrays.stream(targets).filter(target -> target >= 0).count();
        return new TokenBatch(Packing.ofLengths(lengths), integers(tokens), integers(targets), numTargets);
    }

    private Tensor integers(int[] values) {
        Tensor tensor = device.allocate(DType.I32, values.length);
        tensors.add(tensor);
        MemorySegment.copy(values, 0, tensor.segment(), ValueLayout.JAVA_INT, 0, values.length);
        return tensor;
    }

    float[] gradients() {
        return trainer.gradients().segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    float[] parameters() {
        return trainer.parameters().segment().toArray(ValueLayout.JAVA_FLOAT);
    }

    /** One step on one batch: gradient from zero, update. Returns the mean loss before the update. */
    double step(TokenBatch batch, int[] budgets, long step) {
        trainer.zeroGradients();
        MicroBatchResult result = trainer.forwardBackward(batch, budgets, new int[0], 1.0 / batch.numTargets());
        trainer.update(step);
        return result.lossSum() / result.numTargets();
    }

    /** Random documents of the given lengths. */
    static int[][] documents(long seed, int vocabulary, int... lengths) {
        SplittableRandom random = new SplittableRandom(seed);
        int[][] documents = new int[lengths.length][];
        for (int i = 0; i < lengths.length; i++) {
            documents[i] = random.ints(lengths[i], 0, vocabulary).toArray();
        }
        return documents;
    }

    @Override
    public void close() {
        tensors.forEach(Tensor::close);
        trainer.close();
        long open = device.memory().numTensors();
        device.close();
        assertThat(open).as("tensors left open").isZero();
    }
}
