package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Root mean square norm of rows (Zhang and Sennrich 2019). */
final class RmsNorm {
    /** Rows of a task; partial weight gradients have one row of sums for each. */
    private static final int ROWS = 512;

    private final Workers workers;

    RmsNorm(Workers workers) {
        this.workers = workers;
    }

    void forward(MemorySegment x, MemorySegment weight, float epsilon, MemorySegment y, MemorySegment rstd,
            long numRows,
            int columns) {
        rows(numRows, (task, from, to) -> {
            for (long r = from; r < to; r++) {
                long row = r * columns;
                float scale = (float) (1 / Math.sqrt(dot(x, row, x, row, columns) / columns + epsilon));
                set(rstd, r, scale);
                int c = 0;
                for (; c + LANES <= columns; c += LANES) {
                    store(load(x, row + c).mul(scale).mul(load(weight, c)), y, row + c);
                }
                for (; c < columns; c++) {
                    set(y, row + c, get(x, row + c) * scale * get(weight, c));
                }
            }
        });
    }

    /** dx += rstd (w dy - x rstd^2 mean(w dy x)), dw += sum over rows of dy x rstd. */
    void backward(MemorySegment dy, MemorySegment x, MemorySegment weight, MemorySegment rstd, MemorySegment dx,
            MemorySegment dWeight, long numRows, int columns) {
        int numTasks = Math.toIntExact(Math.ceilDiv(numRows, (long) ROWS));
        float[][] partial = new float[numTasks][];
        rows(numRows, (task, from, to) -> {
            float[] sums = new float[columns];
            for (long r = from; r < to; r++) {
                backwardRow(dy, x, weight, get(rstd, r), dx, sums, r * columns, columns);
            }
            partial[task] = sums;
        });
        for (float[] sums : partial) {
            for (int c = 0; c < columns; c++) {
                set(dWeight, c, get(dWeight, c) + sums[c]);
            }
        }
    }

    private static void backwardRow(MemorySegment dy, MemorySegment x, MemorySegment weight, float scale,
            MemorySegment dx,
            float[] sums, long row, int columns) {
        FloatVector dots = FloatVector.zero(SPECIES);
        float dot = 0;
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            FloatVector g = load(dy, row + c);
            FloatVector v = load(x, row + c);
            dots = g.mul(load(weight, c)).fma(v, dots);
            g.mul(v).fma(FloatVector.broadcast(SPECIES, scale), FloatVector.fromArray(SPECIES, sums, c)).intoArray(sums,
                    c);
        }
        for (; c < columns; c++) {
            float g = get(dy, row + c);
            float v = get(x, row + c);
            dot += g * get(weight, c) * v;
            sums[c] += g * v * scale;
        }
        float mean = (Rows.sum(dots) + dot) / columns * scale * scale;
        c = 0;
        for (; c + LANES <= columns; c += LANES) {
            FloatVector g = load(dy, row + c).mul(load(weight, c)).sub(load(x, row + c).mul(mean));
            store(g.fma(FloatVector.broadcast(SPECIES, scale), load(dx, row + c)), dx, row + c);
        }
        for (; c < columns; c++) {
            float g = get(dy, row + c) * get(weight, c) - get(x, row + c) * mean;
            set(dx, row + c, get(dx, row + c) + g * scale);
        }
    }

    private static float dot(MemorySegment a, long fromA, MemorySegment b, long fromB, int size) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i + LANES <= size; i += LANES) {
            sums = load(a, fromA + i).fma(load(b, fromB + i), sums);
        }
        float sum = Rows.sum(sums);
        for (; i < size; i++) {
            sum += get(a, fromA + i) * get(b, fromB + i);
        }
        return sum;
    }

    private void rows(long numRows, Body body) {
        workers.forEach(Math.toIntExact(Math.ceilDiv(numRows, (long) ROWS)),
                (task, worker) -> body.run(task, (long) task * ROWS, Math.min(numRows, (task + 1L) * ROWS)));
    }

    /** Rows from, inclusive, to, exclusive, of a task. */
    @FunctionalInterface
    private interface Body {
        void run(int task, long from, long to);
    }
}
