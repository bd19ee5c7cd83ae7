package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Backward of block-sparse attention: one pass over the (tile, block) pairs of a run of tiles, five products a pair. dQ of a
 * tile is finished in scratch; dK and dV add up in arrays of the run, in the order of the tiles. Scratch of one worker.
 */
final class AttentionBackward {
    private static final double LOG2_E = 1.4426950408889634;

    private final AttentionLayout layout;
    private final int block;
    private final int size;
    private final float scale;
    private final float[] queries;
    private final float[] scaledQueries;
    private final float[] dOut;
    private final float[] dQueries;
    private final float[] weights;
    private final float[] dScores;
    private final float[] out;
    private final float[] base = new float[AttentionLayout.PANEL];
    private final float[] delta = new float[AttentionLayout.PANEL];

    AttentionBackward(AttentionLayout layout) {
        this.layout = layout;
        this.block = layout.shape().block();
        this.size = layout.paddedSize();
        this.scale = (float) (1 / Math.sqrt(layout.shape().headSize()));
        this.queries = new float[AttentionLayout.PANEL * size];
        this.scaledQueries = new float[AttentionLayout.PANEL * size];
        this.dOut = new float[AttentionLayout.PANEL * size];
        this.dQueries = new float[AttentionLayout.PANEL * size];
        this.weights = new float[AttentionLayout.PANEL * block];
        this.dScores = new float[AttentionLayout.PANEL * block];
        this.out = new float[size];
    }

    /** Tensors of one backward. */
    record Tensors(MemorySegment q, MemorySegment out, MemorySegment dOut, MemorySegment logSumExp, MemorySegment dq) {}

    /** Packed keys, keys transposed, values transposed, of one key/value head. */
    static final class Packed {
        private final float[] keys;
        private final float[] keysTransposed;
        private final float[] valuesTransposed;

        Packed(float[] keys, float[] keysTransposed, float[] valuesTransposed) {
            this.keys = keys;
            this.keysTransposed = keysTransposed;
            this.valuesTransposed = valuesTransposed;
        }
    }

    /** One tile; dKeys and dValues hold the document's blocks from {@code at}, packed. */
    void tile(CpuBlockLists lists, int kvHead, int tile, Tensors tensors, Packed packed, float[] dKeys, float[] dValues,
            int at) {
        TileIndex index = lists.index();
        int document = index.documentOfTile(tile);
        int inDocument = tile - index.firstTile(document);
        int numRows = layout.numRows(index, document, inDocument);
        for (int from = 0; from < numRows; from += AttentionLayout.PANEL) {
            int rows = Math.min(AttentionLayout.PANEL, numRows - from);
            load(index, document, inDocument, kvHead, from, rows, tensors);
            for (int place = lists.from(kvHead, tile); place < lists.to(kvHead, tile); place++) {
                block(index, document, inDocument, lists.block(place), from, rows, packed, dKeys, dValues, at);
            }
            for (int r = 0; r < rows; r++) {
                layout.write(dQueries, r * size, tensors.dq(),
                        layout.element(index, document, inDocument, kvHead, from + r));
            }
        }
    }

    private void load(TileIndex index, int document, int tile, int kvHead, int from, int rows, Tensors tensors) {
        int padded = AttentionLayout.paddedRows(rows);
        Arrays.fill(queries, rows * size, padded * size, 0);
        Arrays.fill(dOut, rows * size, padded * size, 0);
        Arrays.fill(dQueries, 0, padded * size, 0);
        Arrays.fill(base, rows, padded, 0);
        Arrays.fill(delta, rows, padded, 0);
        for (int r = 0; r < rows; r++) {
            long element = layout.element(index, document, tile, kvHead, from + r);
            layout.read(tensors.q(), element, queries, r * size);
            layout.read(tensors.dOut(), element, dOut, r * size);
            layout.read(tensors.out(), element, out, 0);
            base[r] = (float) LOG2_E
                    * Rows.get(tensors.logSumExp(), layout.logSumExpElement(index, document, tile, kvHead, from + r));
            FloatVector sum = FloatVector.zero(SPECIES);
            for (int d = 0; d < size; d += LANES) {
                sum = FloatVector.fromArray(SPECIES, dOut, r * size + d).fma(FloatVector.fromArray(SPECIES, out, d),
                        sum);
            }
            delta[r] = sum.reduceLanes(VectorOperators.ADD);
        }
        for (int i = 0; i < padded * size; i += LANES) {
            FloatVector.fromArray(SPECIES, queries, i).mul((float) (scale * LOG2_E)).intoArray(scaledQueries, i);
        }
    }

    private void block(TileIndex index, int document, int tile, int blockInDocument, int from, int rows, Packed packed,
            float[] dKeys, float[] dValues, int at) {
        int source = (index.firstBlock(document) + blockInDocument) * block * size;
        int target = at + blockInDocument * block * size;
        int padded = AttentionLayout.paddedRows(rows);
        SmallProduct.multiply(padded, block, size, scaledQueries, 0, size, 1, packed.keysTransposed, source, block,
                weights,
                0, block, false);
        SmallProduct.multiply(padded, block, size, dOut, 0, size, 1, packed.valuesTransposed, source, block, dScores,
                0,
                block, false);
        boolean own = blockInDocument >= index.firstOwnBlock(tile);
        for (int r = 0; r < rows; r++) {
            softmax(r);
            if (own) {
                int token = index.tileStart(tile) + (from + r) / layout.shape().groupSize();
                int valid = Math.max(0, Math.min(block, token - blockInDocument * block + 1));
                Arrays.fill(weights, r * block + valid, (r + 1) * block, 0);
                Arrays.fill(dScores, r * block + valid, (r + 1) * block, 0);
            }
        }
        // Padding rows take part in dQ only, where nothing reads them.
        SmallProduct.multiply(block, size, rows, weights, 0, 1, block, dOut, 0, size, dValues, target, size, true);
        SmallProduct.multiply(block, size, rows, dScores, 0, 1, block, queries, 0, size, dKeys, target, size, true);
        SmallProduct.multiply(padded, size, block, dScores, 0, block, 1, packed.keys, source, size, dQueries, 0, size,
                true);
    }

    /** weights = 2^(scores - base), dScores = weights (dP - delta) scale. */
    private void softmax(int row) {
        FloatVector rowBase = FloatVector.broadcast(SPECIES, base[row]);
        FloatVector rowDelta = FloatVector.broadcast(SPECIES, delta[row]);
        for (int i = row * block; i < (row + 1) * block; i += LANES) {
            FloatVector weight = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, weights, i).sub(rowBase));
            weight.intoArray(weights, i);
            FloatVector.fromArray(SPECIES, dScores, i).sub(rowDelta).mul(weight).mul(scale).intoArray(dScores, i);
        }
    }
}
