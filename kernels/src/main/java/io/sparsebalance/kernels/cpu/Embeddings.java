package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.getInt;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import java.lang.foreign.MemorySegment;

/** Rows of a table by token, and their gradient. */
final class Embeddings {
    private static final int ROWS = 256;
    /** Columns that one task of the backward owns; no two tasks write the same element. */
    private static final int COLUMNS = 64;

    private final Workers workers;

    Embeddings(Workers workers) {
        this.workers = workers;
    }

    void forward(MemorySegment tokens, long numTokens, MemorySegment table, long vocabulary, int columns,
            MemorySegment out) {
        long rowBytes = (long) columns * Float.BYTES;
        workers.forEach(Math.toIntExact(Math.ceilDiv(numTokens, (long) ROWS)), (task, worker) -> {
            long to = Math.min(numTokens, (task + 1L) * ROWS);
            for (long t = (long) task * ROWS; t < to; t++) {
                long token = token(tokens, t, vocabulary);
                MemorySegment.copy(table, token * rowBytes, out, t * rowBytes, rowBytes);
            }
        });
    }

    void backward(MemorySegment tokens, long numTokens, MemorySegment dOut, MemorySegment dTable, long vocabulary,
            int columns) {
        workers.forEach(Math.ceilDiv(columns, COLUMNS), (task, worker) -> {
            int from = task * COLUMNS;
            int to = Math.min(columns, from + COLUMNS);
            for (long t = 0; t < numTokens; t++) {
                long source = t * columns;
                long target = token(tokens, t, vocabulary) * columns;
                int c = from;
                for (; c + LANES <= to; c += LANES) {
                    store(load(dTable, target + c).add(load(dOut, source + c)), dTable, target + c);
                }
                for (; c < to; c++) {
                    set(dTable, target + c, get(dTable, target + c) + get(dOut, source + c));
                }
            }
        });
    }

    private static long token(MemorySegment tokens, long index, long vocabulary) {
        int token = getInt(tokens, index);
        if (token < 0 || token >= vocabulary) {
            throw new IllegalArgumentException(
                    "embedding: token " + token + " at position " + index + " is outside the vocabulary of "
                            + vocabulary);
        }
        return token;
    }
}
