package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import io.sparsebalance.kernels.AdamWStep;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Operations on flat arrays, in chunks of a fixed size. */
final class Elements {
    private static final int CHUNK = 1 << 15;
    private static final int PARTIAL_SUMS = 8;

    private final Workers workers;

    Elements(Workers workers) {
        this.workers = workers;
    }

    void fill(MemorySegment x, long size, float value) {
        chunks(size, (from, to) -> {
            FloatVector v = FloatVector.broadcast(SPECIES, value);
            long i = from;
            for (; i + LANES <= to; i += LANES) {
                store(v, x, i);
            }
            for (; i < to; i++) {
                set(x, i, value);
            }
        });
    }

    void add(MemorySegment source, MemorySegment target, long size) {
        chunks(size, (from, to) -> {
            long i = from;
            for (; i + LANES <= to; i += LANES) {
                store(load(target, i).add(load(source, i)), target, i);
            }
            for (; i < to; i++) {
                set(target, i, get(target, i) + get(source, i));
            }
        });
    }

    /** Sums of a chunk go to a fixed number of partial sums in double precision, added in order. */
    double sumOfSquares(MemorySegment x, long size) {
        int numChunks = Math.toIntExact(Math.ceilDiv(size, (long) CHUNK));
        double[] sums = new double[numChunks];
        workers.forEach(numChunks, (task, worker) -> {
            long from = (long) task * CHUNK;
            sums[task] = sumOfSquares(x, from, Math.min(size, from + CHUNK));
        });
        double sum = 0;
        for (double part : sums) {
            sum += part;
        }
        return sum;
    }

    private static double sumOfSquares(MemorySegment x, long from, long to) {
        double[] sums = new double[PARTIAL_SUMS];
        long i = from;
        for (; i + PARTIAL_SUMS <= to; i += PARTIAL_SUMS) {
            for (int j = 0; j < PARTIAL_SUMS; j++) {
                double value = get(x, i + j);
                sums[j] += value * value;
            }
        }
        for (; i < to; i++) {
            double value = get(x, i);
            sums[0] += value * value;
        }
        double sum = 0;
        for (double part : sums) {
            sum += part;
        }
        return sum;
    }

    void adamW(MemorySegment parameters, MemorySegment gradients, MemorySegment first, MemorySegment second, long size,
            AdamWStep s, long step, float gradientScale) {
        float firstCorrection = (float) (1 / (1 - Math.pow(s.beta1(), (double) step)));
        float secondCorrection = (float) (1 / (1 - Math.pow(s.beta2(), (double) step)));
        float decay = 1 - s.learningRate() * s.weightDecay();
        chunks(size, (from, to) -> {
            long i = from;
            for (; i + LANES <= to; i += LANES) {
                FloatVector g = load(gradients, i).mul(gradientScale);
                FloatVector m = load(first, i).mul(s.beta1()).add(g.mul(1 - s.beta1()));
                FloatVector v = load(second, i).mul(s.beta2()).add(g.mul(g).mul(1 - s.beta2()));
                FloatVector update = m.mul(firstCorrection).div(v.mul(secondCorrection).sqrt().add(s.epsilon()));
                store(m, first, i);
                store(v, second, i);
                store(load(parameters, i).mul(decay).sub(update.mul(s.learningRate())), parameters, i);
            }
            for (; i < to; i++) {
                float g = get(gradients, i) * gradientScale;
                float m = get(first, i) * s.beta1() + g * (1 - s.beta1());
                float v = get(second, i) * s.beta2() + g * g * (1 - s.beta2());
                float update = m * firstCorrection / ((float) Math.sqrt(v * secondCorrection) + s.epsilon());
                set(first, i, m);
                set(second, i, v);
                set(parameters, i, get(parameters, i) * decay - update * s.learningRate());
            }
        });
    }

    private void chunks(long size, Range body) {
        int numChunks = Math.toIntExact(Math.ceilDiv(size, (long) CHUNK));
        workers.forEach(numChunks, (task, worker) -> {
            long from = (long) task * CHUNK;
            body.run(from, Math.min(size, from + CHUNK));
        });
    }

    /** Elements from, inclusive, to, exclusive. */
    @FunctionalInterface
    private interface Range {
        void run(long from, long to);
    }
}
