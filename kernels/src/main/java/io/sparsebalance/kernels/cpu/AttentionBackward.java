package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Backward of one chunk of tiles at a time, by one worker, with scratch of its own. For each kept block: scores and
 * gradients of probabilities (two products over D), their elementwise backward, then dQ (over keys) and dV and dK (over
 * rows): five products, with probabilities recomputed from the log-sum-exp (Dao 2023, FlashAttention-2).
 */
final class AttentionBackward {
    /** Floats of scores held at a time: with the gradients beside them they fit the second-level cache. */
    private static final int SCORE_FLOATS = 16 << 10;

    private final AttentionShape shape;
    private final TileRows rows;
    private final int paddedHeadSize;
    private final int panelsAtOnce;
    /** 1 / sqrt(D). */
    private final float headScale;
    /** {@code [panel][D][PANEL]}, scaled by log2(e) / sqrt(D). */
    private final float[] queries;
    /** {@code [panel][D][PANEL]}. */
    private final float[] gradients;
    /** {@code [panel of D][rows][PANEL]}, scaled by 1 / sqrt(D). */
    private final float[] queryRows;
    /** {@code [panel of D][rows][PANEL]}. */
    private final float[] gradientRows;
    /** {@code [panel][D][PANEL]}, not yet divided by sqrt(D). */
    private final float[] queryGradients;
    /** {@code [panel][B][PANEL]}: scores, then probabilities. */
    private final float[] scores;
    /** {@code [panel][B][PANEL]}: gradients of probabilities, then of scores. */
    private final float[] scoreGradients;
    private final float[] logSumExp;
    private final float[] delta;
    private final float[] row;
    private final float[] otherRow;

    AttentionBackward(AttentionShape shape) {
        int panels = TileRows.maxPanels(shape);
        this.shape = shape;
        this.rows = new TileRows(shape);
        this.paddedHeadSize = Lanes.numPanels(shape.headSize()) * PANEL;
        this.headScale = (float) (1 / Math.sqrt(shape.headSize()));
        this.panelsAtOnce = Math.clamp(SCORE_FLOATS / (shape.block() * PANEL), 1, panels);
        this.queries = new float[Math.multiplyExact(panels * PANEL, shape.headSize())];
        this.gradients = new float[queries.length];
        this.queryGradients = new float[queries.length];
        this.queryRows = new float[Math.multiplyExact(panels * PANEL, paddedHeadSize)];
        this.gradientRows = new float[queryRows.length];
        this.scores = new float[panelsAtOnce * shape.block() * PANEL];
        this.scoreGradients = new float[scores.length];
        this.logSumExp = new float[panels * PANEL];
        this.delta = new float[panels * PANEL];
        this.row = new float[shape.headSize()];
        this.otherRow = new float[shape.headSize()];
    }

    /**
     * What all chunks read: tensors as in {@link io.sparsebalance.kernels.SparseAttention#backward}, and keys and values
     * packed once for all.
     *
     * @param keysOverHead keys packed to sum over D; likewise {@code valuesOverHead}
     * @param keysOverKeys keys packed to sum over keys
     * @param firstHead first key/value head in the packs
     */
    record Inputs(CpuBlockLists lists, MemorySegment q, MemorySegment out, MemorySegment dOut, MemorySegment logSumExp,
            StripPack keysOverHead, StripPack keysOverKeys, StripPack valuesOverHead, int firstHead) {}

    /**
     * Writes dq at the chunk's rows, and the chunk's sums of dK and dV.
     *
     * @param sums where the chunk's space begins at {@code sumsAt}
     */
    void run(Inputs in, BackwardPlan.Chunk chunk, float[] sums, int sumsAt, MemorySegment dq) {
        Arrays.fill(sums, sumsAt, sumsAt + chunk.floats(), 0f);
        for (int tile = chunk.firstTile(); tile < chunk.endTile(); tile++) {
            rows.set(in.lists().grid(), tile, chunk.kvHead());
            loadRows(in);
            for (int i = in.lists().from(chunk.kvHead(), tile); i < in.lists().to(chunk.kvHead(), tile); i++) {
                int block = in.lists().block(i);
                for (int panel = 0; panel < rows.numPanels(); panel += panelsAtOnce) {
                    int panels = Math.min(panelsAtOnce, rows.numPanels() - panel);
                    addBlock(in, panel, panels, block, sums, sumsAt + chunk.blockAt(block));
                }
            }
            storeQueryGradients(dq);
        }
    }

    private void loadRows(Inputs in) {
        int size = shape.headSize();
        int used = rows.numPanels() * PANEL;
        float scale = AttentionForward.queryScale(shape);
        Arrays.fill(queryGradients, 0, used * size, 0f);
        for (int r = 0; r < used; r++) {
            boolean real = r < rows.numRows();
            readRow(in.out(), r, otherRow);
            readRow(in.dOut(), r, row);
            float dot = 0;
            for (int d = 0; d < size; d++) {
                dot += row[d] * otherRow[d];
            }
            delta[r] = dot;
            TokenRows.rowToColumn(row, size, 1f, gradients, r);
            TokenRows.rowToPanels(row, size, gradientRows, 0, used, r);
            readRow(in.q(), r, row);
            TokenRows.rowToColumn(row, size, scale, queries, r);
            for (int d = 0; d < size; d++) {
                row[d] *= headScale;
            }
            TokenRows.rowToPanels(row, size, queryRows, 0, used, r);
            logSumExp[r] = !real
                    ? 0f
                    : in.logSumExp().getAtIndex(ValueLayout.JAVA_FLOAT, rows.statisticsOffset(r)) * FastExp.LOG2_E;
        }
    }

    /** A row that fills the last panel up is zero: its probabilities are 1, but every gradient of it is 0. */
    private void readRow(MemorySegment x, int r, float[] to) {
        if (r < rows.numRows()) {
            TokenRows.read(x, rows.offset(r), to, 0, shape.headSize());
        } else {
            Arrays.fill(to, 0f);
        }
    }

    private void addBlock(Inputs in, int firstPanel, int panels, int documentBlock, float[] sums, int sumsAt) {
        int keys = rows.visibleKeys(firstPanel + panels - 1, documentBlock);
        if (keys == 0) {
            return;
        }
        int head = rows.kvHead() - in.firstHead();
        for (int i = 0; i < panels; i++) {
            int visible = rows.visibleKeys(firstPanel + i, documentBlock);
            int at = i * shape.block() * PANEL;
            if (visible > 0) {
                scorePanel(in, head, firstPanel + i, documentBlock, visible, at);
                addQueryGradients(in.keysOverKeys(), head, firstPanel + i, documentBlock, visible, at);
            }
            Arrays.fill(scores, at + visible * PANEL, at + keys * PANEL, 0f);
            Arrays.fill(scoreGradients, at + visible * PANEL, at + keys * PANEL, 0f);
        }
        int blockKeys = in.lists().grid().paddedBlockTokens(rows.gridBlock(documentBlock));
        addKeyGradients(scoreGradients, queryRows, firstPanel, panels, keys, blockKeys, sums, sumsAt);
        addKeyGradients(scores, gradientRows, firstPanel, panels, keys, blockKeys, sums,
                sumsAt + blockKeys * paddedHeadSize);
    }

    private void scorePanel(Inputs in, int head, int panel, int documentBlock, int visible, int at) {
        int size = shape.headSize();
        int block = rows.gridBlock(documentBlock);
        int panelAt = panel * size * PANEL;
        float[] keys = in.keysOverHead().strips();
        float[] values = in.valuesOverHead().strips();
        int keysAt = in.keysOverHead().at(head, block);
        int valuesAt = in.valuesOverHead().at(head, block);
        for (int key = 0; key < visible; key += STRIP) {
            PanelProducts.product(keys, keysAt + key * size, queries, panelAt, size, scores, at + key * PANEL);
        }
        for (int key = 0; key < visible; key += STRIP) {
            PanelProducts.product(values, valuesAt + key * size, gradients, panelAt, size, scoreGradients,
                    at + key * PANEL);
        }
        if (rows.needsMask(panel, documentBlock, visible)) {
            SoftmaxPanels.mask(scores, at, visible, rows.firstKey(documentBlock), rows.positions(), panel * PANEL);
        }
        SoftmaxPanels.backward(scores, scoreGradients, at, visible, logSumExp, delta, panel * PANEL);
    }

    private void addQueryGradients(StripPack keys, int head, int panel, int documentBlock, int visible, int at) {
        int size = shape.headSize();
        int block = rows.gridBlock(documentBlock);
        int keysAt = keys.at(head, block);
        int stride = keys.keysStride(block);
        for (int d = 0; d < size; d += STRIP) {
            PanelProducts.productAdd(keys.strips(), keysAt, scoreGradients, at, visible, queryGradients,
                    (panel * size + d) * PANEL);
            keysAt += stride;
        }
    }

    /** Adds factors {@code [panel][B][PANEL]} times rows {@code [panel of D][rows][PANEL]} to a block's sums. */
    private void addKeyGradients(float[] factors, float[] rowPanels, int firstPanel, int panels, int keys,
            int blockKeys, float[] sums, int sumsAt) {
        int stride = shape.block() * PANEL;
        int used = rows.numPanels() * PANEL;
        for (int d = 0; d < paddedHeadSize / PANEL; d++) {
            int rowsAt = (d * used + firstPanel * PANEL) * PANEL;
            for (int key = 0; key < keys; key += STRIP) {
                PanelProducts.rowProductAdd(factors, key * PANEL, stride, rowPanels, rowsAt, panels, sums,
                        sumsAt + (d * blockKeys + key) * PANEL);
            }
        }
    }

    private void storeQueryGradients(MemorySegment dq) {
        for (int r = 0; r < rows.numRows(); r++) {
            TokenRows.columnToRow(queryGradients, r, shape.headSize(), headScale, row);
            TokenRows.write(row, 0, dq, rows.offset(r), shape.headSize());
        }
    }
}
