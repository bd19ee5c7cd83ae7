package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** SwiGLU (Shazeer 2020): silu(gate) * up, with silu(z) = z / (1 + e^-z). */
final class SwiGlu {
    private static final int ROWS = 64;

    private final Workers workers;

    SwiGlu(Workers workers) {
        this.workers = workers;
    }

    void forward(MemorySegment gateUp, MemorySegment out, long numRows, int columns) {
        workers.forEach(Math.toIntExact(Math.ceilDiv(numRows, (long) ROWS)), (task, worker) -> {
            long to = Math.min(numRows, (task + 1L) * ROWS);
            for (long r = (long) task * ROWS; r < to; r++) {
                forwardRow(gateUp, out, r * 2 * columns, r * columns, columns);
            }
        });
    }

    private static void forwardRow(MemorySegment gateUp, MemorySegment out, long gate, long row, int columns) {
        FloatVector one = FloatVector.broadcast(SPECIES, 1f);
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            FloatVector z = load(gateUp, gate + c);
            FloatVector silu = z.div(FastExp.exp(z.neg()).add(one));
            store(silu.mul(load(gateUp, gate + columns + c)), out, row + c);
        }
        for (; c < columns; c++) {
            float z = get(gateUp, gate + c);
            set(out, row + c, z / (1 + FastExp.exp(-z)) * get(gateUp, gate + columns + c));
        }
    }

    void backward(MemorySegment dOut, MemorySegment gateUp, MemorySegment dGateUp, long numRows, int columns) {
        workers.forEach(Math.toIntExact(Math.ceilDiv(numRows, (long) ROWS)), (task, worker) -> {
            long to = Math.min(numRows, (task + 1L) * ROWS);
            for (long r = (long) task * ROWS; r < to; r++) {
                backwardRow(dOut, gateUp, dGateUp, r * columns, r * 2 * columns, columns);
            }
        });
    }

    /** d silu(z) / dz = s (1 + z (1 - s)) with s = 1 / (1 + e^-z). */
    private static void backwardRow(MemorySegment dOut, MemorySegment gateUp, MemorySegment dGateUp, long row,
            long gate,
            int columns) {
        FloatVector one = FloatVector.broadcast(SPECIES, 1f);
        int c = 0;
        for (; c + LANES <= columns; c += LANES) {
            FloatVector z = load(gateUp, gate + c);
            FloatVector up = load(gateUp, gate + columns + c);
            FloatVector d = load(dOut, row + c);
            FloatVector s = one.div(FastExp.exp(z.neg()).add(one));
            FloatVector slope = s.mul(z.mul(one.sub(s)).add(one));
            store(d.mul(up).mul(slope), dGateUp, gate + c);
            store(d.mul(z).mul(s), dGateUp, gate + columns + c);
        }
        for (; c < columns; c++) {
            float z = get(gateUp, gate + c);
            float up = get(gateUp, gate + columns + c);
            float d = get(dOut, row + c);
            float s = 1 / (1 + FastExp.exp(-z));
            set(dGateUp, gate + c, d * up * s * (1 + z * (1 - s)));
            set(dGateUp, gate + columns + c, d * z * s);
        }
    }
}
