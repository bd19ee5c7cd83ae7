package io.sparsebalance.actors.run;

import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/** Times pieces of a training step on one device with made-up data. Device thread only. */
final class CalibrationProbe implements AutoCloseable {
    /** A point is repeated until this much time went into it, at least once and at most {@link #MAX_REPEATS} times. */
    private static final long NANOS_PER_POINT = 250_000_000L;
    private static final int MAX_REPEATS = 7;
    private static final double NANOS_PER_SECOND = 1e9;

    private final Device device;
    private final Trainer trainer;
    private final ModelConfig model;
    private final SplittableRandom random;

    /** Takes ownership of device and trainer. */
    CalibrationProbe(Device device, Trainer trainer, long seed) {
        this.device = device;
        this.trainer = trainer;
        this.model = trainer.model();
        this.random = new SplittableRandom(seed);
    }

    /** Seconds of router, forward and backward (twice forward with recomputation) of one document in one layer. */
    double attentionSeconds(int length, int budget) {
        int heads = model.attention().heads();
        int kvHeads = model.attention().kvHeads();
        int headSize = model.attention().headSize();
        try (Tensor q = normal(length, heads, headSize);
                Tensor k = normal(length, kvHeads, headSize);
                Tensor v = normal(length, kvHeads, headSize);
                Tensor out = device.allocate(device.computeType(), length, heads, headSize);
                Tensor dOut = normal(length, heads, headSize);
                Tensor logSumExp = device.allocate(DType.F32, heads, length);
                Tensor dq = device.allocate(device.computeType(), length, heads, headSize);
                Tensor dk = device.allocate(device.computeType(), length, kvHeads, headSize);
                Tensor dv = device.allocate(device.computeType(), length, kvHeads, headSize)) {
            SparseAttention attention = device.attention(model.attention());
            Stream stream = device.stream();
            Packing document = Packing.ofLengths(List.of(length));
            int forwards = model.recompute() ? 2 : 1;
            return median(() -> {
                try (BlockLists lists = attention.route(stream, q, k, document, budget, new int[]{budget})) {
                    for (int i = 0; i < forwards; i++) {
                        attention.forward(stream, q, k, v, lists, out, logSumExp);
                    }
                    attention.backward(stream, q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
                }
                stream.synchronize();
            });
        }
    }

    /** Seconds of a whole forward and backward of documents of these lengths, the same budget in all layers. */
    double microBatchSeconds(List<Integer> lengths, int budget) {
        int[] budgets = new int[model.layers()];
        Arrays.fill(budgets, budget);
        Packing documents = Packing.ofLengths(lengths);
        int numTokens = documents.numTokens();
        try (Tensor tokens = device.allocate(DType.I32, numTokens);
                Tensor targets = device.allocate(DType.I32, numTokens)) {
            tokens.upload(MemorySegment.ofArray(randomTokens(numTokens)));
            targets.upload(MemorySegment.ofArray(randomTokens(numTokens)));
            TokenBatch batch = new TokenBatch(documents, tokens, targets, numTokens);
            double seconds = median(() -> trainer.forwardBackward(batch, budgets, budgets, 1.0 / numTokens));
            trainer.zeroGradients();
            return seconds;
        }
    }

    /** As {@link #microBatchSeconds(List, int)} with documents of one length. */
    double microBatchSeconds(int numDocuments, int length, int budget) {
        return microBatchSeconds(Collections.nCopies(numDocuments, length), budget);
    }

    private double median(Runnable work) {
        double[] seconds = new double[MAX_REPEATS];
        int repeats = 0;
        long start = System.nanoTime();
        do {
            long before = System.nanoTime();
            work.run();
            seconds[repeats++] = (System.nanoTime() - before) / NANOS_PER_SECOND;
        } while (repeats < MAX_REPEATS && System.nanoTime() - start < NANOS_PER_POINT);
        Arrays.sort(seconds, 0, repeats);
        return repeats % 2 == 1 ? seconds[repeats / 2] : (seconds[repeats / 2 - 1] + seconds[repeats / 2]) / 2;
    }

    private int[] randomTokens(int numTokens) {
        return random.ints(numTokens, 0, model.vocabulary()).toArray();
    }

    /** Of the device's type of activations. */
    private Tensor normal(long... shape) {
        Tensor tensor = device.allocate(DType.F32, shape);
        float[] values = new float[Math.toIntExact(tensor.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        tensor.upload(MemorySegment.ofArray(values));
        if (device.computeType() == DType.F32) {
            return tensor;
        }
        try (tensor) {
            Tensor rounded = device.allocate(device.computeType(), shape);
            device.ops().copy(device.stream(), tensor, rounded);
            return rounded;
        }
    }

    @Override
    public void close() {
        try (device; trainer) {
            // The device last, so that it can count what was left open.
        }
    }
}
