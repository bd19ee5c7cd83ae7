package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.getInt;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Softmax cross-entropy of rows of logits, with the gradient in place. */
final class CrossEntropy {
    private static final int ROWS = 64;

    private final Workers workers;

    CrossEntropy(Workers workers) {
        this.workers = workers;
    }

    void run(MemorySegment logits, MemorySegment targets, float gradientScale, MemorySegment lossSum, int numRows,
            int vocabulary) {
        double[] losses = new double[numRows];
        workers.forEach(Math.ceilDiv(numRows, ROWS), (task, worker) -> {
            int to = Math.min(numRows, (task + 1) * ROWS);
            for (int r = task * ROWS; r < to; r++) {
                losses[r] = row(logits, (long) r * vocabulary, vocabulary, getInt(targets, r), gradientScale);
            }
        });
        double sum = lossSum.get(ValueLayout.JAVA_DOUBLE, 0);
        for (double loss : losses) {
            sum += loss;
        }
        lossSum.set(ValueLayout.JAVA_DOUBLE, 0, sum);
    }

    private static double row(MemorySegment logits, long row, int vocabulary, int target, float gradientScale) {
        if (target >= vocabulary) {
            throw new IllegalArgumentException(
                    "crossEntropy: target " + target + " is outside the vocabulary of " + vocabulary);
        }
        if (target < 0) {
            if (gradientScale != 0) {
                logits.asSlice(row * Float.BYTES, (long) vocabulary * Float.BYTES).fill((byte) 0);
            }
            return 0;
        }
        float max = max(logits, row, vocabulary);
        float targetLogit = get(logits, row + target);
        float sum = exponentials(logits, row, vocabulary, max, gradientScale != 0);
        if (gradientScale != 0) {
            scale(logits, row, vocabulary, gradientScale / sum);
            set(logits, row + target, get(logits, row + target) - gradientScale);
        }
        return Math.log(sum) + max - targetLogit;
    }

    private static float max(MemorySegment x, long row, int size) {
        FloatVector highest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i + LANES <= size; i += LANES) {
            highest = highest.max(load(x, row + i));
        }
        float max = highest.reduceLanes(VectorOperators.MAX);
        for (; i < size; i++) {
            max = Math.max(max, get(x, row + i));
        }
        return max;
    }

    private static float exponentials(MemorySegment x, long row, int size, float max, boolean keep) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i + LANES <= size; i += LANES) {
            FloatVector e = FastExp.exp(load(x, row + i).sub(max));
            sums = sums.add(e);
            if (keep) {
                store(e, x, row + i);
            }
        }
        float sum = Rows.sum(sums);
        for (; i < size; i++) {
            float e = FastExp.exp(get(x, row + i) - max);
            sum += e;
            if (keep) {
                set(x, row + i, e);
            }
        }
        return sum;
    }

    private static void scale(MemorySegment x, long row, int size, float factor) {
        int i = 0;
        for (; i + LANES <= size; i += LANES) {
            store(load(x, row + i).mul(factor), x, row + i);
        }
        for (; i < size; i++) {
            set(x, row + i, get(x, row + i) * factor);
        }
    }
}
