package io.sparsebalance.engine;

import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Initial weights: normal with standard deviation 0.02; the matrices that write into the residual stream divided by
 * {@code sqrt(2 * layers)}, so that its variance does not grow with depth (Radford and others: Language models are
 * unsupervised multitask learners, 2019); norms 1.
 */
final class ParameterInitializer {
    private static final double STANDARD_DEVIATION = 0.02;
    private static final int CHUNK_ELEMENTS = 1 << 14;

    private ParameterInitializer() {
    }

    /** Writes all of {@code parameters}; the same seed gives the same bits everywhere. */
    static void initialize(ModelConfig model, ParameterLayout layout, Tensor parameters, long seed) {
        MemorySegment memory = parameters.segment();
        double residualDeviation = STANDARD_DEVIATION / Math.sqrt(2.0 * model.layers());
        float[] chunk = new float[CHUNK_ELEMENTS];
        for (ParameterLayout.Entry entry : layout.entries()) {
            NormalGenerator normal = new NormalGenerator(seed, entry.name());
            double deviation = writesResidual(entry.name()) ? residualDeviation : STANDARD_DEVIATION;
            long size = entry.size();
            for (long done = 0; done < size; done += CHUNK_ELEMENTS) {
                int count = (int) Math.min(CHUNK_ELEMENTS, size - done);
                for (int i = 0; i < count; i++) {
                    chunk[i] = entry.matrix() ? (float) (deviation * normal.next()) : 1;
                }
                MemorySegment.copy(chunk, 0, memory, ValueLayout.JAVA_FLOAT,
                        (entry.offset() + done) * Float.BYTES, count);
            }
        }
    }

    private static boolean writesResidual(String name) {
        return name.endsWith(".attention.output") || name.endsWith(".mlp.down");
    }
}
