package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

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
    /** {@code [rows][D]}. */
    private final float[] tileRows;
    /** {@code [rows][D]}. */
    private final float[] otherRows;

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
        this.tileRows = new float[queries.length];
        this.otherRows = new float[queries.length];
    }

    /**
     * What all chunks read: tensors as in {@link io.sparsebalance.kernels.SparseAttention#backward}, and keys and values
     * packed once for all.
     *
     * @param keys packed in both forms
     * @param values packed to sum over D
     * @param firstHead first key/value head in the packs
     */
    record Inputs(CpuBlockLists lists, MemorySegment q, MemorySegment out, MemorySegment dOut, MemorySegment logSumExp,
            StripPack keys, StripPack values, int firstHead) {}

    /**
     * Writes dq at the chunk's rows, and the chunk's sums of dK and dV.
     *
     * @param sums holds the chunk's space at {@code sumsAt}; whatever it held is overwritten
     */
    void run(Inputs in, BackwardPlan.Chunk chunk, float[] sums, int sumsAt, MemorySegment dq) {
        for (int tile = chunk.firstTile(); tile < chunk.endTile(); tile++) {
            rows.set(in.lists().grid(), tile, chunk.kvHead());
            loadRows(in);
            for (int i = in.lists().from(chunk.kvHead(), tile); i < in.lists().to(chunk.kvHead(), tile); i++) {
                int block = in.lists().block(i);
                int at = sumsAt + chunk.blockAt(block);
                if (chunk.isFirst(tile, block)) {
                    int floats = BackwardPlan.blockFloats(in.lists().grid(), rows.gridBlock(block), paddedHeadSize);
                    Arrays.fill(sums, at, at + floats, 0f);
                }
                for (int panel = 0; panel < rows.numPanels(); panel += panelsAtOnce) {
                    int panels = Math.min(panelsAtOnce, rows.numPanels() - panel);
                    addBlock(in, panel, panels, block, sums, at);
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
        rows.read(in.out(), tileRows);
        rows.read(in.dOut(), otherRows);
        for (int r = 0; r < used; r++) {
            delta[r] = dot(tileRows, otherRows, r * size, size);
            TokenRows.rowToColumn(otherRows, r * size, size, 1f, gradients, r);
            TokenRows.rowToPanels(otherRows, r * size, size, 1f, gradientRows, used, r);
        }
        rows.read(in.q(), tileRows);
        for (int r = 0; r < used; r++) {
            TokenRows.rowToColumn(tileRows, r * size, size, scale, queries, r);
            TokenRows.rowToPanels(tileRows, r * size, size, headScale, queryRows, used, r);
        }
        for (int r = 0; r < rows.numRows(); r++) {
            logSumExp[r] = in.logSumExp().getAtIndex(ValueLayout.JAVA_FLOAT, rows.statisticsOffset(r)) * FastExp.LOG2_E;
        }
        // Rows that fill the last panel up are zero: their probabilities are 1, but every gradient of them is 0.
        Arrays.fill(logSumExp, rows.numRows(), used, 0f);
    }

    private static float dot(float[] a, float[] b, int at, int size) {
        FloatVector sum = FloatVector.zero(Rows.SPECIES);
        int whole = Rows.SPECIES.loopBound(size);
        for (int d = 0; d < whole; d += Rows.LANES) {
            sum = FloatVector.fromArray(Rows.SPECIES, a, at + d).fma(FloatVector.fromArray(Rows.SPECIES, b, at + d),
                    sum);
        }
        float total = Rows.sum(sum);
        for (int d = whole; d < size; d++) {
            total += a[at + d] * b[at + d];
        }
        return total;
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
                addQueryGradients(in.keys(), head, firstPanel + i, documentBlock, visible, at);
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
        float[] keys = in.keys().overHead();
        float[] values = in.values().overHead();
        int keysAt = in.keys().at(head, block);
        int valuesAt = in.values().at(head, block);
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
            PanelProducts.productAdd(keys.overKeys(), keysAt, scoreGradients, at, visible, queryGradients,
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
