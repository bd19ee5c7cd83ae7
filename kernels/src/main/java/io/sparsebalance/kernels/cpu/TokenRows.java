package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Moves rows between tensors {@code [tokens, heads, D]} in native memory and the heap layouts of {@link Lanes}. Offsets in
 * tensors are long: tokens x heads x D may pass 2^31.
 */
final class TokenRows {
    private TokenRows() {
    }

    /** Position, in elements, of a token's head in a tensor {@code [tokens, heads, size]}. */
    static long offset(long token, int heads, int head, int size) {
        return (token * heads + head) * size;
    }

    /** Reads {@code length} floats from element {@code offset}. */
    static void read(MemorySegment from, long offset, float[] to, int at, int length) {
        MemorySegment.copy(from, ValueLayout.JAVA_FLOAT, offset * Float.BYTES, to, at, length);
    }

    /** Writes {@code length} floats at element {@code offset}. */
    static void write(float[] from, int at, MemorySegment to, long offset, int length) {
        MemorySegment.copy(from, at, to, ValueLayout.JAVA_FLOAT, offset * Float.BYTES, length);
    }

    /**
     * Rows {@code [n][size]} to panels of rows, {@code [panel][size][PANEL]}: row r is column {@code r % PANEL} of panel
     * {@code r / PANEL}. Only row {@code row} is written.
     */
    static void rowToColumn(float[] row, int size, float scale, float[] panels, int r) {
        int at = r / PANEL * size * PANEL + r % PANEL;
        for (int d = 0; d < size; d++) {
            panels[at + d * PANEL] = row[d] * scale;
        }
    }

    /** The inverse of {@link #rowToColumn}. */
    static void columnToRow(float[] panels, int r, int size, float scale, float[] row) {
        int at = r / PANEL * size * PANEL + r % PANEL;
        for (int d = 0; d < size; d++) {
            row[d] = panels[at + d * PANEL] * scale;
        }
    }

    /**
     * One row to panels of columns, {@code [size / PANEL, rounded up][rows][PANEL]}; columns past {@code size} are set to 0.
     *
     * @param rows rows that the panels have room for
     */
    static void rowToPanels(float[] row, int size, float[] panels, int panelsAt, int rows, int r) {
        for (int d = 0, at = panelsAt + r * PANEL; d < size; d += PANEL, at += rows * PANEL) {
            int length = Math.min(PANEL, size - d);
            System.arraycopy(row, d, panels, at, length);
            Arrays.fill(panels, at + length, at + PANEL, 0f);
        }
    }

    /** The inverse of {@link #rowToPanels}. */
    static void panelsToRow(float[] panels, int panelsAt, int rows, int r, float[] row, int size) {
        for (int d = 0, at = panelsAt + r * PANEL; d < size; d += PANEL, at += rows * PANEL) {
            System.arraycopy(panels, at, row, d, Math.min(PANEL, size - d));
        }
    }

    /** One row to strips of rows, {@code [rows / STRIP][size][STRIP]}: row r is column {@code r % STRIP} of its strip. */
    static void rowToStripColumn(float[] row, int size, float[] strips, int stripsAt, int r) {
        int at = stripsAt + r / STRIP * size * STRIP + r % STRIP;
        for (int d = 0; d < size; d++) {
            strips[at + d * STRIP] = row[d];
        }
    }

    /** One row to strips of columns, {@code [size / STRIP][rows][STRIP]}. */
    static void rowToStrips(float[] row, int size, float[] strips, int stripsAt, int rows, int r) {
        for (int d = 0, at = stripsAt + r * STRIP; d < size; d += STRIP, at += rows * STRIP) {
            System.arraycopy(row, d, strips, at, STRIP);
        }
    }
}
