package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

/**
 * The three small matrix products that attention is made of, on heap arrays in the layouts of {@link Lanes}. Sums run in
 * the order of the contracted index, so results do not depend on who calls.
 */
final class PanelProducts {
    /** Without AVX-512, x86 has 16 vector registers; every other platform of the JDK with vectors has 32. */
    private static final boolean FEW_REGISTERS = Lanes.LENGTH < 16
            && (System.getProperty("os.arch").equals("amd64") || System.getProperty("os.arch").equals("x86_64"));
    private static final int HALF = STRIP / 2;

    private PanelProducts() {
    }

    /**
     * {@code c[STRIP][PANEL] = sum over p < depth of a[p][STRIP] * b[p][PANEL]}.
     *
     * @param aAt where the strip begins in {@code a}; likewise {@code bAt}, {@code cAt}
     */
    static void product(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
        if (FEW_REGISTERS) {
            FourRowProducts.product(a, aAt, b, bAt, depth, c, cAt);
            FourRowProducts.product(a, aAt + HALF, b, bAt, depth, c, cAt + HALF * PANEL);
        } else {
            EightRowProducts.product(a, aAt, b, bAt, depth, c, cAt);
        }
    }

    /** {@link #product} added to {@code c}. */
    static void productAdd(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
        if (FEW_REGISTERS) {
            FourRowProducts.productAdd(a, aAt, b, bAt, depth, c, cAt);
            FourRowProducts.productAdd(a, aAt + HALF, b, bAt, depth, c, cAt + HALF * PANEL);
        } else {
            EightRowProducts.productAdd(a, aAt, b, bAt, depth, c, cAt);
        }
    }

    /**
     * Adds {@code sum over panels s and columns p < PANEL of a[s][STRIP rows][p] * b[s * PANEL + p][PANEL]} to
     * {@code c[STRIP][PANEL]}: the contracted index runs along the rows of {@code a}.
     *
     * @param aStride floats from one panel of {@code a} to the next
     */
    static void rowProductAdd(float[] a, int aAt, int aStride, float[] b, int bAt, int panels, float[] c, int cAt) {
        if (FEW_REGISTERS) {
            FourRowProducts.rowProductAdd(a, aAt, aStride, b, bAt, panels, c, cAt);
            FourRowProducts.rowProductAdd(a, aAt + HALF * PANEL, aStride, b, bAt, panels, c, cAt + HALF * PANEL);
        } else {
            EightRowProducts.rowProductAdd(a, aAt, aStride, b, bAt, panels, c, cAt);
        }
    }
}
