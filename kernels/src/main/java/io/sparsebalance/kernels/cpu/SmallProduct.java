package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;

import jdk.incubator.vector.FloatVector;

/**
 * Products of small matrices on the heap: {@code c[M,N] (+)= a[M,K] b[K,N]}, sized for the cache by the caller. An element
 * of {@code a} is broadcast and multiplied with vectors of a row of {@code b}; a kernel keeps 4 rows x 4 (or 2, or 1)
 * vectors of {@code c} in registers over the whole depth, in local variables, since arrays of vectors would live in memory.
 */
final class SmallProduct {
    /** M must be a multiple of this; callers pad. */
    static final int ROWS = 4;
    /** Sixteen sums and their operands need the 32 registers that come with 512-bit vectors. */
    private static final boolean WIDE = SPECIES.vectorBitSize() >= 512;

    private SmallProduct() {
    }

    /**
     * Multiplies.
     *
     * @param m rows, a multiple of {@link #ROWS}
     * @param n columns, a multiple of the vector length
     * @param depth K
     * @param rowStride elements of {@code a} from row to row; 1 reads {@code a} transposed
     * @param depthStride elements of {@code a} from column to column
     * @param accumulate add to {@code c} instead of overwriting it
     */
    static void multiply(int m, int n, int depth, float[] a, int ao, int rowStride, int depthStride, float[] b, int bo,
            int ldb, float[] c, int co, int ldc, boolean accumulate) {
        int column = 0;
        if (WIDE) {
            for (; column + 4 * LANES <= n; column += 4 * LANES) {
                for (int r = 0; r < m; r += ROWS) {
                    rows4by4(depth, a, ao + r * rowStride, rowStride, depthStride, b, bo + column, ldb, c,
                            co + r * ldc + column, ldc, accumulate);
                }
            }
        }
        for (; column + 2 * LANES <= n; column += 2 * LANES) {
            for (int r = 0; r < m; r += ROWS) {
                rows4by2(depth, a, ao + r * rowStride, rowStride, depthStride, b, bo + column, ldb, c,
                        co + r * ldc + column, ldc, accumulate);
            }
        }
        for (; column < n; column += LANES) {
            for (int r = 0; r < m; r += ROWS) {
                rows4by1(depth, a, ao + r * rowStride, rowStride, depthStride, b, bo + column, ldb, c,
                        co + r * ldc + column, ldc, accumulate);
            }
        }
    }

    private static void rows4by4(int depth, float[] a, int ao, int rowStride, int depthStride, float[] b, int bo,
            int ldb,
            float[] c, int co, int ldc, boolean accumulate) {
        FloatVector c00 = FloatVector.zero(SPECIES);
        FloatVector c01 = FloatVector.zero(SPECIES);
        FloatVector c02 = FloatVector.zero(SPECIES);
        FloatVector c03 = FloatVector.zero(SPECIES);
        FloatVector c10 = FloatVector.zero(SPECIES);
        FloatVector c11 = FloatVector.zero(SPECIES);
        FloatVector c12 = FloatVector.zero(SPECIES);
        FloatVector c13 = FloatVector.zero(SPECIES);
        FloatVector c20 = FloatVector.zero(SPECIES);
        FloatVector c21 = FloatVector.zero(SPECIES);
        FloatVector c22 = FloatVector.zero(SPECIES);
        FloatVector c23 = FloatVector.zero(SPECIES);
        FloatVector c30 = FloatVector.zero(SPECIES);
        FloatVector c31 = FloatVector.zero(SPECIES);
        FloatVector c32 = FloatVector.zero(SPECIES);
        FloatVector c33 = FloatVector.zero(SPECIES);
        if (accumulate) {
            c00 = FloatVector.fromArray(SPECIES, c, co);
            c01 = FloatVector.fromArray(SPECIES, c, co + LANES);
            c02 = FloatVector.fromArray(SPECIES, c, co + 2 * LANES);
            c03 = FloatVector.fromArray(SPECIES, c, co + 3 * LANES);
            c10 = FloatVector.fromArray(SPECIES, c, co + ldc);
            c11 = FloatVector.fromArray(SPECIES, c, co + ldc + LANES);
            c12 = FloatVector.fromArray(SPECIES, c, co + ldc + 2 * LANES);
            c13 = FloatVector.fromArray(SPECIES, c, co + ldc + 3 * LANES);
            c20 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc);
            c21 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc + LANES);
            c22 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc + 2 * LANES);
            c23 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc + 3 * LANES);
            c30 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc);
            c31 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc + LANES);
            c32 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc + 2 * LANES);
            c33 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc + 3 * LANES);
        }
        for (int k = 0; k < depth; k++) {
            int row = bo + k * ldb;
            int at = ao + k * depthStride;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, row);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, row + LANES);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, row + 2 * LANES);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, row + 3 * LANES);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[at]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            c02 = a0.fma(b2, c02);
            c03 = a0.fma(b3, c03);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[at + rowStride]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            c12 = a1.fma(b2, c12);
            c13 = a1.fma(b3, c13);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[at + 2 * rowStride]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            c22 = a2.fma(b2, c22);
            c23 = a2.fma(b3, c23);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[at + 3 * rowStride]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            c32 = a3.fma(b2, c32);
            c33 = a3.fma(b3, c33);
        }
        c00.intoArray(c, co);
        c01.intoArray(c, co + LANES);
        c02.intoArray(c, co + 2 * LANES);
        c03.intoArray(c, co + 3 * LANES);
        c10.intoArray(c, co + ldc);
        c11.intoArray(c, co + ldc + LANES);
        c12.intoArray(c, co + ldc + 2 * LANES);
        c13.intoArray(c, co + ldc + 3 * LANES);
        c20.intoArray(c, co + 2 * ldc);
        c21.intoArray(c, co + 2 * ldc + LANES);
        c22.intoArray(c, co + 2 * ldc + 2 * LANES);
        c23.intoArray(c, co + 2 * ldc + 3 * LANES);
        c30.intoArray(c, co + 3 * ldc);
        c31.intoArray(c, co + 3 * ldc + LANES);
        c32.intoArray(c, co + 3 * ldc + 2 * LANES);
        c33.intoArray(c, co + 3 * ldc + 3 * LANES);
    }

    private static void rows4by2(int depth, float[] a, int ao, int rowStride, int depthStride, float[] b, int bo,
            int ldb,
            float[] c, int co, int ldc, boolean accumulate) {
        FloatVector c00 = FloatVector.zero(SPECIES);
        FloatVector c01 = FloatVector.zero(SPECIES);
        FloatVector c10 = FloatVector.zero(SPECIES);
        FloatVector c11 = FloatVector.zero(SPECIES);
        FloatVector c20 = FloatVector.zero(SPECIES);
        FloatVector c21 = FloatVector.zero(SPECIES);
        FloatVector c30 = FloatVector.zero(SPECIES);
        FloatVector c31 = FloatVector.zero(SPECIES);
        if (accumulate) {
            c00 = FloatVector.fromArray(SPECIES, c, co);
            c01 = FloatVector.fromArray(SPECIES, c, co + LANES);
            c10 = FloatVector.fromArray(SPECIES, c, co + ldc);
            c11 = FloatVector.fromArray(SPECIES, c, co + ldc + LANES);
            c20 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc);
            c21 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc + LANES);
            c30 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc);
            c31 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc + LANES);
        }
        for (int k = 0; k < depth; k++) {
            int row = bo + k * ldb;
            int at = ao + k * depthStride;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, row);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, row + LANES);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[at]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[at + rowStride]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[at + 2 * rowStride]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[at + 3 * rowStride]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
        }
        c00.intoArray(c, co);
        c01.intoArray(c, co + LANES);
        c10.intoArray(c, co + ldc);
        c11.intoArray(c, co + ldc + LANES);
        c20.intoArray(c, co + 2 * ldc);
        c21.intoArray(c, co + 2 * ldc + LANES);
        c30.intoArray(c, co + 3 * ldc);
        c31.intoArray(c, co + 3 * ldc + LANES);
    }

    private static void rows4by1(int depth, float[] a, int ao, int rowStride, int depthStride, float[] b, int bo,
            int ldb,
            float[] c, int co, int ldc, boolean accumulate) {
        FloatVector c00 = FloatVector.zero(SPECIES);
        FloatVector c10 = FloatVector.zero(SPECIES);
        FloatVector c20 = FloatVector.zero(SPECIES);
        FloatVector c30 = FloatVector.zero(SPECIES);
        if (accumulate) {
            c00 = FloatVector.fromArray(SPECIES, c, co);
            c10 = FloatVector.fromArray(SPECIES, c, co + ldc);
            c20 = FloatVector.fromArray(SPECIES, c, co + 2 * ldc);
            c30 = FloatVector.fromArray(SPECIES, c, co + 3 * ldc);
        }
        for (int k = 0; k < depth; k++) {
            int row = bo + k * ldb;
            int at = ao + k * depthStride;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, row);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[at]);
            c00 = a0.fma(b0, c00);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[at + rowStride]);
            c10 = a1.fma(b0, c10);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[at + 2 * rowStride]);
            c20 = a2.fma(b0, c20);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[at + 3 * rowStride]);
            c30 = a3.fma(b0, c30);
        }
        c00.intoArray(c, co);
        c10.intoArray(c, co + ldc);
        c20.intoArray(c, co + 2 * ldc);
        c30.intoArray(c, co + 3 * ldc);
    }
}
