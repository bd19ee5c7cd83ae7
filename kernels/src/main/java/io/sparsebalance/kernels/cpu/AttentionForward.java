package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Forward of one query tile at a time, by one worker, with scratch of its own. For each kept block and each panel of rows:
 * scores = keys x queries, one step of online softmax, outputs += values x probabilities; the panel of scores stays in
 * the first-level cache. Everything is transposed, rows along the vector.
 */
final class AttentionForward {
    private final AttentionShape shape;
    private final TileRows rows;
    /** {@code [panel][D][PANEL]}, scaled by log2(e) / sqrt(D). */
    private final float[] queries;
    /** {@code [panel][D][PANEL]}. */
    private final float[] outputs;
    /** One panel, {@code [B][PANEL]}. */
    private final float[] scores;
    private final float[] maxima;
    private final float[] sums;
    private final float[] row;
    /** {@code [rows][D]}. */
    private final float[] tileRows;

    AttentionForward(AttentionShape shape) {
        int panels = TileRows.maxPanels(shape);
        this.shape = shape;
        this.rows = new TileRows(shape);
        this.queries = new float[Math.multiplyExact(panels * PANEL, shape.headSize())];
        this.outputs = new float[queries.length];
        this.scores = new float[shape.block() * PANEL];
        this.maxima = new float[panels * PANEL];
        this.sums = new float[panels * PANEL];
        this.row = new float[shape.headSize()];
        this.tileRows = new float[queries.length];
    }

    /** Natural logarithm to logarithm of 2, and 1 / sqrt(D). */
    static float queryScale(AttentionShape shape) {
        return (float) (1 / (Math.sqrt(shape.headSize()) * FastExp.LN_2));
    }

    /**
     * Computes the rows of a tile.
     *
     * @param keys packed to sum over D, and {@code values} to sum over keys; {@code packedHead} is the head's place there
     * @param out {@code [T,H,D]}, written at the tile's rows
     * @param logSumExp {@code [H,T]}, written at the tile's rows
     */
    void run(CpuBlockLists lists, int tile, int kvHead, MemorySegment q, StripPack keys, StripPack values,
            int packedHead, MemorySegment out, MemorySegment logSumExp) {
        rows.set(lists.grid(), tile, kvHead);
        loadQueries(q);
        for (int i = lists.from(kvHead, tile); i < lists.to(kvHead, tile); i++) {
            for (int panel = 0; panel < rows.numPanels(); panel++) {
                int visible = rows.visibleKeys(panel, lists.block(i));
                if (visible > 0) {
                    addBlock(panel, lists.block(i), visible, keys, values, packedHead);
                }
            }
        }
        storeOutputs(out, logSumExp);
    }

    private void loadQueries(MemorySegment q) {
        int size = shape.headSize();
        int used = rows.numPanels() * PANEL;
        Arrays.fill(outputs, 0, used * size, 0f);
        Arrays.fill(maxima, 0, used, Float.NEGATIVE_INFINITY);
        Arrays.fill(sums, 0, used, 0f);
        float scale = queryScale(shape);
        rows.read(q, tileRows);
        for (int r = 0; r < used; r++) {
            TokenRows.rowToColumn(tileRows, r * size, size, scale, queries, r);
        }
    }

    private void addBlock(int panel, int documentBlock, int visible, StripPack keys, StripPack values, int packedHead) {
        int size = shape.headSize();
        int block = rows.gridBlock(documentBlock);
        int panelAt = panel * size * PANEL;
        int keysAt = keys.at(packedHead, block);
        for (int key = 0; key < visible; key += STRIP) {
            PanelProducts.product(keys.overHead(), keysAt + key * size, queries, panelAt, size, scores, key * PANEL);
        }
        if (rows.needsMask(panel, documentBlock, visible)) {
            SoftmaxPanels.mask(scores, 0, visible, rows.firstKey(documentBlock), rows.positions(), panel * PANEL);
        }
        SoftmaxPanels.accumulate(scores, visible, maxima, sums, panel * PANEL, outputs, panelAt, size);
        int valuesAt = values.at(packedHead, block);
        int stride = values.keysStride(block);
        for (int d = 0; d < size; d += STRIP) {
            PanelProducts.productAdd(values.overKeys(), valuesAt, scores, 0, visible, outputs, panelAt + d * PANEL);
            valuesAt += stride;
        }
    }

    private void storeOutputs(MemorySegment out, MemorySegment logSumExp) {
        int size = shape.headSize();
        for (int r = 0; r < rows.numRows(); r++) {
            TokenRows.columnToRow(outputs, r, size, 1 / sums[r], row);
            TokenRows.write(row, 0, out, rows.offset(r), size);
            double natural = maxima[r] * FastExp.LN_2 + Math.log(sums[r]);
            logSumExp.setAtIndex(ValueLayout.JAVA_FLOAT, rows.statisticsOffset(r), (float) natural);
        }
    }
}
