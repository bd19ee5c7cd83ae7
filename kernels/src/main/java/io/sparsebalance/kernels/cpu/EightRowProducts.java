package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.LENGTH;
import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.SPECIES;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import jdk.incubator.vector.FloatVector;

/** PanelProducts with 8 x 2 accumulators, for machines with 32 vector registers. */
final class EightRowProducts {
    private EightRowProducts() {
    }

    /** {@code c[8][PANEL] = sum over p < depth of a[p][8 of STRIP] * b[p][PANEL]}; see {@link PanelProducts#product}. */
    static void product(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero, c01 = zero, c10 = zero, c11 = zero;
        FloatVector c20 = zero, c21 = zero, c30 = zero, c31 = zero;
        FloatVector c40 = zero, c41 = zero, c50 = zero, c51 = zero;
        FloatVector c60 = zero, c61 = zero, c70 = zero, c71 = zero;
        for (int p = 0; p < depth; p++) {
            int bRow = bAt + p * PANEL;
            FloatVector b0 = load(b, bRow);
            FloatVector b1 = load(b, bRow + LENGTH);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 1]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 2]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 3]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            FloatVector a4 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 4]);
            c40 = a4.fma(b0, c40);
            c41 = a4.fma(b1, c41);
            FloatVector a5 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 5]);
            c50 = a5.fma(b0, c50);
            c51 = a5.fma(b1, c51);
            FloatVector a6 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 6]);
            c60 = a6.fma(b0, c60);
            c61 = a6.fma(b1, c61);
            FloatVector a7 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 7]);
            c70 = a7.fma(b0, c70);
            c71 = a7.fma(b1, c71);
        }
        store(c, cAt + 0 * PANEL, c00, c01);
        store(c, cAt + 1 * PANEL, c10, c11);
        store(c, cAt + 2 * PANEL, c20, c21);
        store(c, cAt + 3 * PANEL, c30, c31);
        store(c, cAt + 4 * PANEL, c40, c41);
        store(c, cAt + 5 * PANEL, c50, c51);
        store(c, cAt + 6 * PANEL, c60, c61);
        store(c, cAt + 7 * PANEL, c70, c71);
    }

    /** {@link #product} added to {@code c}. */
    static void productAdd(float[] a, int aAt, float[] b, int bAt, int depth, float[] c, int cAt) {
        FloatVector c00 = load(c, cAt + 0 * PANEL), c01 = load(c, cAt + 0 * PANEL + LENGTH);
        FloatVector c10 = load(c, cAt + 1 * PANEL), c11 = load(c, cAt + 1 * PANEL + LENGTH);
        FloatVector c20 = load(c, cAt + 2 * PANEL), c21 = load(c, cAt + 2 * PANEL + LENGTH);
        FloatVector c30 = load(c, cAt + 3 * PANEL), c31 = load(c, cAt + 3 * PANEL + LENGTH);
        FloatVector c40 = load(c, cAt + 4 * PANEL), c41 = load(c, cAt + 4 * PANEL + LENGTH);
        FloatVector c50 = load(c, cAt + 5 * PANEL), c51 = load(c, cAt + 5 * PANEL + LENGTH);
        FloatVector c60 = load(c, cAt + 6 * PANEL), c61 = load(c, cAt + 6 * PANEL + LENGTH);
        FloatVector c70 = load(c, cAt + 7 * PANEL), c71 = load(c, cAt + 7 * PANEL + LENGTH);
        for (int p = 0; p < depth; p++) {
            int bRow = bAt + p * PANEL;
            FloatVector b0 = load(b, bRow);
            FloatVector b1 = load(b, bRow + LENGTH);
            FloatVector a0 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 1]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 2]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 3]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            FloatVector a4 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 4]);
            c40 = a4.fma(b0, c40);
            c41 = a4.fma(b1, c41);
            FloatVector a5 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 5]);
            c50 = a5.fma(b0, c50);
            c51 = a5.fma(b1, c51);
            FloatVector a6 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 6]);
            c60 = a6.fma(b0, c60);
            c61 = a6.fma(b1, c61);
            FloatVector a7 = FloatVector.broadcast(SPECIES, a[aAt + p * STRIP + 7]);
            c70 = a7.fma(b0, c70);
            c71 = a7.fma(b1, c71);
        }
        store(c, cAt + 0 * PANEL, c00, c01);
        store(c, cAt + 1 * PANEL, c10, c11);
        store(c, cAt + 2 * PANEL, c20, c21);
        store(c, cAt + 3 * PANEL, c30, c31);
        store(c, cAt + 4 * PANEL, c40, c41);
        store(c, cAt + 5 * PANEL, c50, c51);
        store(c, cAt + 6 * PANEL, c60, c61);
        store(c, cAt + 7 * PANEL, c70, c71);
    }

    /** Rows of panels times a panel, added to {@code c}; see {@link PanelProducts#rowProductAdd}. */
    static void rowProductAdd(float[] a, int aAt, int aStride, float[] b, int bAt, int panels, float[] c, int cAt) {
        FloatVector c00 = load(c, cAt + 0 * PANEL), c01 = load(c, cAt + 0 * PANEL + LENGTH);
        FloatVector c10 = load(c, cAt + 1 * PANEL), c11 = load(c, cAt + 1 * PANEL + LENGTH);
        FloatVector c20 = load(c, cAt + 2 * PANEL), c21 = load(c, cAt + 2 * PANEL + LENGTH);
        FloatVector c30 = load(c, cAt + 3 * PANEL), c31 = load(c, cAt + 3 * PANEL + LENGTH);
        FloatVector c40 = load(c, cAt + 4 * PANEL), c41 = load(c, cAt + 4 * PANEL + LENGTH);
        FloatVector c50 = load(c, cAt + 5 * PANEL), c51 = load(c, cAt + 5 * PANEL + LENGTH);
        FloatVector c60 = load(c, cAt + 6 * PANEL), c61 = load(c, cAt + 6 * PANEL + LENGTH);
        FloatVector c70 = load(c, cAt + 7 * PANEL), c71 = load(c, cAt + 7 * PANEL + LENGTH);
        for (int panel = 0; panel < panels; panel++) {
            int aRow = aAt + panel * aStride;
            int bPanel = bAt + panel * (PANEL * PANEL);
            for (int p = 0; p < PANEL; p++) {
                int bRow = bPanel + p * PANEL;
                FloatVector b0 = load(b, bRow);
                FloatVector b1 = load(b, bRow + LENGTH);
                FloatVector a0 = FloatVector.broadcast(SPECIES, a[aRow + p]);
                c00 = a0.fma(b0, c00);
                c01 = a0.fma(b1, c01);
                FloatVector a1 = FloatVector.broadcast(SPECIES, a[aRow + 1 * PANEL + p]);
                c10 = a1.fma(b0, c10);
                c11 = a1.fma(b1, c11);
                FloatVector a2 = FloatVector.broadcast(SPECIES, a[aRow + 2 * PANEL + p]);
                c20 = a2.fma(b0, c20);
                c21 = a2.fma(b1, c21);
                FloatVector a3 = FloatVector.broadcast(SPECIES, a[aRow + 3 * PANEL + p]);
                c30 = a3.fma(b0, c30);
                c31 = a3.fma(b1, c31);
                FloatVector a4 = FloatVector.broadcast(SPECIES, a[aRow + 4 * PANEL + p]);
                c40 = a4.fma(b0, c40);
                c41 = a4.fma(b1, c41);
                FloatVector a5 = FloatVector.broadcast(SPECIES, a[aRow + 5 * PANEL + p]);
                c50 = a5.fma(b0, c50);
                c51 = a5.fma(b1, c51);
                FloatVector a6 = FloatVector.broadcast(SPECIES, a[aRow + 6 * PANEL + p]);
                c60 = a6.fma(b0, c60);
                c61 = a6.fma(b1, c61);
                FloatVector a7 = FloatVector.broadcast(SPECIES, a[aRow + 7 * PANEL + p]);
                c70 = a7.fma(b0, c70);
                c71 = a7.fma(b1, c71);
            }
        }
        store(c, cAt + 0 * PANEL, c00, c01);
        store(c, cAt + 1 * PANEL, c10, c11);
        store(c, cAt + 2 * PANEL, c20, c21);
        store(c, cAt + 3 * PANEL, c30, c31);
        store(c, cAt + 4 * PANEL, c40, c41);
        store(c, cAt + 5 * PANEL, c50, c51);
        store(c, cAt + 6 * PANEL, c60, c61);
        store(c, cAt + 7 * PANEL, c70, c71);
    }

    private static FloatVector load(float[] x, int at) {
        return FloatVector.fromArray(SPECIES, x, at);
    }

    private static void store(float[] c, int at, FloatVector left, FloatVector right) {
        left.intoArray(c, at);
        right.intoArray(c, at + LENGTH);
    }
}
