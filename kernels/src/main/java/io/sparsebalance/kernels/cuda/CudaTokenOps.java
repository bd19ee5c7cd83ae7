package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** Kernels over tokens: {@code rope.cu}, {@code swiglu.cu}, {@code embedding.cu}, {@code cross_entropy.cu}. */
final class CudaTokenOps implements AutoCloseable {
    private static final int ROPE_THREADS = 128;
    private static final int SWIGLU_THREADS = 256;
    private static final int EMBEDDING_THREADS = 128;
    private static final int EMBEDDING_ROWS = 32;
    private static final int EMBEDDING_COLUMNS = 256;
    private static final int CROSS_ENTROPY_THREADS = 512;
    private static final int VECTOR = 8;
    private static final int VECTOR_BYTES = 16;
    private static final int MAX_GRID_Y = 65_535;

    private final CudaDevice device;
    private final Scratch scratch;
    private final CudaElements elements;
    private final Map<Frequencies, CudaTensor> frequencies = new HashMap<>();

    private record Frequencies(double theta, int half) {}

    CudaTokenOps(CudaDevice device, Scratch scratch, CudaElements elements) {
        this.device = device;
        this.scratch = scratch;
        this.elements = elements;
    }

    void embedding(CudaStream stream, CudaTensor tokens, CudaTensor table, CudaTensor out) {
        int columns = Math.toIntExact(table.dimension(1));
        requireMultiple("embedding", "columns", columns);
        if (tokens.size() > 0) {
            device.modules().kernel("embedding", "embedding").launch(stream, Math.toIntExact(tokens.size()), 1, 1,
                    EMBEDDING_THREADS, 0, tokens, table, out, columns, table.dimension(0));
        }
    }

    void embeddingBackward(CudaStream stream, CudaTensor tokens, CudaTensor dOut, CudaTensor dTable) {
        int vocabulary = Math.toIntExact(dTable.dimension(0));
        int columns = Math.toIntExact(dTable.dimension(1));
        if (tokens.size() > 0) {
            device.modules().kernel("embedding", "embedding_backward_" + CudaElements.suffix(dTable)).launch(stream,
                    Math.ceilDiv(vocabulary, EMBEDDING_ROWS), Math.ceilDiv(columns, EMBEDDING_COLUMNS), 1,
                    EMBEDDING_COLUMNS, 0, tokens, dOut, dTable, Math.toIntExact(tokens.size()), columns, vocabulary);
        }
    }

    void rope(CudaStream stream, CudaTensor x, CudaTensor positions, double theta, boolean backward) {
        int heads = Math.toIntExact(x.dimension(1));
        int headSize = Math.toIntExact(x.dimension(2));
        requireMultiple("rope", "head size", headSize);
        if (positions.size() > 0) {
            device.modules().kernel("rope", "rope").launch(stream, Math.toIntExact(positions.size()), 1, 1,
                    ROPE_THREADS,
                    headSize * Float.BYTES, x, positions, frequencies(theta, headSize / 2), heads, headSize,
                    backward ? -1f : 1f);
        }
    }

    /** {@code theta^(-i/half)}, F64, for i below half; kept. */
    CudaTensor frequencies(double theta, int half) {
        return frequencies.computeIfAbsent(new Frequencies(theta, half), key -> {
            double[] values = new double[half];
            for (int i = 0; i < half; i++) {
                values[i] = Math.pow(theta, -(double) i / half);
            }
            CudaTensor table = device.allocateInternal(DType.F64, half);
            table.upload(MemorySegment.ofArray(values));
            return table;
        });
    }

    void swiGlu(CudaStream stream, CudaTensor gateUp, CudaTensor out) {
        launchSwiGlu(stream, "swiglu", out, gateUp, out);
    }

    void swiGluBackward(CudaStream stream, CudaTensor dOut, CudaTensor gateUp, CudaTensor dGateUp) {
        launchSwiGlu(stream, "swiglu_backward", dOut, dOut, gateUp, dGateUp);
    }

    private void launchSwiGlu(CudaStream stream, String function, CudaTensor narrow, CudaTensor... tensors) {
        int width = Math.toIntExact(narrow.dimension(1));
        long tokens = narrow.dimension(0);
        requireMultiple("swiGlu", "columns", width);
        if (tokens > 0) {
            Object[] arguments = new Object[tensors.length + 2];
            System.arraycopy(tensors, 0, arguments, 0, tensors.length);
            arguments[tensors.length] = tokens;
            arguments[tensors.length + 1] = width;
            device.modules().kernel("swiglu", function).launch(stream,
                    Math.ceilDiv(width, SWIGLU_THREADS * VECTOR), (int) Math.min(tokens, MAX_GRID_Y), 1, SWIGLU_THREADS,
                    0, arguments);
        }
    }

    void crossEntropy(CudaStream stream, CudaTensor logits, CudaTensor targets, float gradientScale,
            CudaTensor lossSum) {
        int rows = Math.toIntExact(logits.dimension(0));
        int vocabulary = Math.toIntExact(logits.dimension(1));
        if (rows == 0) {
            return;
        }
        boolean vectors = vocabulary % VECTOR == 0 && logits.address() % VECTOR_BYTES == 0;
        CudaTensor losses = scratch.bytes((long) rows * Double.BYTES);
        device.modules().kernel("cross_entropy", vectors ? "cross_entropy_vectors" : "cross_entropy_scalar").launch(
                stream, rows, 1, 1, CROSS_ENTROPY_THREADS, 0, logits, targets, gradientScale, losses, vocabulary);
        elements.sumPartials(stream, losses, rows, lossSum.address(), true);
    }

    private static void requireMultiple(String operation, String what, int value) {
        CudaChecks.that(value % VECTOR == 0, operation,
                what + " " + value + " must be a multiple of " + VECTOR + " on a CUDA device");
    }

    @Override
    public void close() {
        frequencies.values().forEach(CudaTensor::close);
        frequencies.clear();
    }
}
