package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Initial weights: normal with standard deviation 0.02; the matrices that write into the residual stream divided by
 * {@code sqrt(2 * layers)}, so that its variance does not grow with depth (Radford and others: Language models are
 * unsupervised multitask learners, 2019); norms 1.
 */
final class ParameterInitializer {
    private static final double STANDARD_DEVIATION = 0.02;
    private static final int CHUNK_ELEMENTS = 1 << 14;
    /** Drawn and then uploaded at once; even, because deviates come in pairs. */
    private static final int UPLOAD_ELEMENTS = 1 << 22;

    private ParameterInitializer() {
    }

    /**
     * Writes all of {@code parameters}; the same seed gives the same bits everywhere. Large models are drawn by all processors.
     */
    static void initialize(ModelConfig model, ParameterLayout layout, Tensor parameters, long seed) {
        double residualDeviation = STANDARD_DEVIATION / Math.sqrt(2.0 * model.layers());
        float[] values = new float[(int) Math.min(UPLOAD_ELEMENTS, layout.numParameters() / 2 * 2 + 2)];
        for (ParameterLayout.Entry entry : layout.entries()) {
            double deviation = writesResidual(entry.name()) ? residualDeviation : STANDARD_DEVIATION;
            for (long done = 0; done < entry.size(); done += values.length) {
                int count = (int) Math.min(values.length, entry.size() - done);
                draw(entry, deviation, seed, done, values, count);
                parameters.view(entry.offset() + done, count)
                        .upload(MemorySegment.ofArray(values).asSlice(0, (long) count * Float.BYTES));
            }
        }
    }

    private static void draw(ParameterLayout.Entry entry, double deviation, long seed, long first, float[] values,
            int count) {
        if (!entry.matrix()) {
            Arrays.fill(values, 0, count, 1);
            return;
        }
        IntStream chunks = IntStream.range(0, Math.ceilDiv(count, CHUNK_ELEMENTS));
        (count > CHUNK_ELEMENTS ? chunks.parallel() : chunks).forEach(chunk -> {
            NormalGenerator normal = new NormalGenerator(seed, entry.name());
            normal.skip(first + (long) chunk * CHUNK_ELEMENTS);
            int end = Math.min(count, (chunk + 1) * CHUNK_ELEMENTS);
            for (int i = chunk * CHUNK_ELEMENTS; i < end; i++) {
                values[i] = (float) (deviation * normal.next());
            }
        });
    }

    private static boolean writesResidual(String name) {
        return name.endsWith(".attention.output") || name.endsWith(".mlp.down");
    }
}
