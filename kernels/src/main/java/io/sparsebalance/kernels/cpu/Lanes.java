package io.sparsebalance.kernels.cpu;

import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width of this machine, and the two layouts that the attention kernels work on.
 *
 * <p><b>Panel</b>: {@code [n][PANEL]}, rows of two vectors. <b>Strip</b>: {@code [n][STRIP]}, rows of eight numbers that are
 * broadcast one by one. A kernel multiplies a strip by a panel, {@code c[STRIP][PANEL] = sum over n of strip[n][i] *
 * panel[n][j]}: 8 x 2 accumulators, which the compiler keeps in registers because every address is the loop counter
 * times a compile-time constant.
 */
final class Lanes {
    /** The vectors of {@link Rows}. */
    static final VectorSpecies<Float> SPECIES = Rows.SPECIES;
    /** Floats in a vector. */
    static final int LENGTH = Rows.LANES;
    /** Floats in a row of a panel. */
    static final int PANEL = 2 * LENGTH;
    /** Floats in a row of a strip. Divides every head size and every block. */
    static final int STRIP = 8;

    private Lanes() {
    }

    /** The least multiple of {@link #STRIP} that is at least {@code n}. */
    static int roundUpToStrip(int n) {
        return (n + STRIP - 1) / STRIP * STRIP;
    }

    /** Panels that hold {@code n} columns. */
    static int numPanels(int n) {
        return (n + PANEL - 1) / PANEL;
    }
}
