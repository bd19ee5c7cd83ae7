package io.sparsebalance.kernels.cpu;

import java.lang.foreign.MemorySegment;

/**
 * Matrix products split over workers. Each task is one whole call of OpenBLAS on a chunk of rows (or of columns, where there
 * are few rows) of the result; the chunk depends on the shape alone, so bits do not depend on the number of threads.
 */
final class Products {
    /** Rows of a chunk: enough to amortise the library's packing of b. */
    private static final int CHUNK = 512;
    /** Products below this many multiply-adds are one call. */
    private static final long SMALL = 1L << 21;

    private final Workers workers;
    private final OpenBlas blas;

    Products(Workers workers, OpenBlas blas) {
        this.workers = workers;
        this.blas = blas;
    }

    /** {@code c[m,n] = alpha op(a) op(b) + beta c}; a is [m,k] or [k,m] as stored, b is [k,n] or [n,k]. */
    void multiply(MemorySegment a, boolean transposeA, MemorySegment b, boolean transposeB, int m, int n, int k,
            float alpha, float beta, MemorySegment c) {
        int lda = transposeA ? m : k;
        int ldb = transposeB ? k : n;
        if ((long) m * n * k < SMALL) {
            blas.sgemm(transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, n);
            return;
        }
        boolean byRows = m >= n;
        int total = byRows ? m : n;
        // At least four chunks where the product is large enough, so that a few threads share it evenly.
        int chunk = Math.max(64, Math.min(CHUNK, Math.ceilDiv(Math.ceilDiv(total, 4), 64) * 64));
        int numChunks = Math.ceilDiv(total, chunk);
        workers.forEach(numChunks, (task, worker) -> {
            int from = task * chunk;
            int size = Math.min(chunk, total - from);
            if (byRows) {
                MemorySegment aPart = at(a, transposeA ? from : (long) from * lda);
                blas.sgemm(transposeA, transposeB, size, n, k, alpha, aPart, lda, b, ldb, beta, at(c, (long) from * n),
                        n);
            } else {
                MemorySegment bPart = at(b, transposeB ? (long) from * ldb : from);
                blas.sgemm(transposeA, transposeB, m, size, k, alpha, a, lda, bPart, ldb, beta, at(c, from), n);
            }
        });
    }

    private static MemorySegment at(MemorySegment memory, long element) {
        return memory.asSlice(element * Float.BYTES);
    }
}
