package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Forward of block-sparse attention: one task a (key/value head, tile), one online softmax (Milakov and Gimelshein 2018) over
 * the tile's list, in base 2. Scratch of one worker.
 */
final class AttentionForward {
    private static final float LN_2 = (float) Math.log(2);
    private static final double LOG2_E = 1.4426950408889634;

    private final AttentionLayout layout;
    private final int block;
    private final int size;
    private final float scale;
    private final float[] queries;
    private final float[] scores;
    private final float[] out;
    private final float[] max = new float[AttentionLayout.PANEL];
    /** Sums of each row, one for each lane, added up at the end. */
    private final float[] sums = new float[AttentionLayout.PANEL * LANES];

    AttentionForward(AttentionLayout layout) {
        this.layout = layout;
        this.block = layout.shape().block();
        this.size = layout.paddedSize();
        this.scale = (float) (LOG2_E / Math.sqrt(layout.shape().headSize()));
        this.queries = new float[AttentionLayout.PANEL * size];
        this.scores = new float[AttentionLayout.PANEL * block];
        this.out = new float[AttentionLayout.PANEL * size];
    }

    /**
     * One tile.
     *
     * @param keys packed transposed, of this key/value head
     * @param values packed, of this key/value head
     */
    void tile(CpuBlockLists lists, int kvHead, int tile, MemorySegment q, float[] keys, float[] values,
            MemorySegment output,
            MemorySegment logSumExp) {
        TileIndex index = lists.index();
        int document = index.documentOfTile(tile);
        int inDocument = tile - index.firstTile(document);
        int numRows = layout.numRows(index, document, inDocument);
        for (int from = 0; from < numRows; from += AttentionLayout.PANEL) {
            int rows = Math.min(AttentionLayout.PANEL, numRows - from);
            load(index, document, inDocument, kvHead, from, rows, q);
            for (int place = lists.from(kvHead, tile); place < lists.to(kvHead, tile); place++) {
                block(index, document, inDocument, lists.block(place), from, rows, keys, values);
            }
            store(index, document, inDocument, kvHead, from, rows, output, logSumExp);
        }
    }

    private void load(TileIndex index, int document, int tile, int kvHead, int from, int rows, MemorySegment q) {
        int padded = AttentionLayout.paddedRows(rows);
        Arrays.fill(queries, rows * size, padded * size, 0);
        for (int r = 0; r < rows; r++) {
            layout.read(q, layout.element(index, document, tile, kvHead, from + r), queries, r * size);
        }
        for (int i = 0; i < rows * size; i += LANES) {
            FloatVector.fromArray(SPECIES, queries, i).mul(scale).intoArray(queries, i);
        }
        Arrays.fill(max, 0, padded, Float.NEGATIVE_INFINITY);
        Arrays.fill(sums, 0, padded * LANES, 0);
        Arrays.fill(out, 0, padded * size, 0);
    }

    private void block(TileIndex index, int document, int tile, int blockInDocument, int from, int rows, float[] keys,
            float[] values) {
        int packed = (index.firstBlock(document) + blockInDocument) * block * size;
        int padded = AttentionLayout.paddedRows(rows);
        SmallProduct.multiply(padded, block, size, queries, 0, size, 1, keys, packed, block, scores, 0, block, false);
        boolean own = blockInDocument >= index.firstOwnBlock(tile);
        for (int r = 0; r < rows; r++) {
            int valid = block;
            if (own) {
                int token = index.tileStart(tile) + (from + r) / layout.shape().groupSize();
                valid = Math.max(0, Math.min(block, token - blockInDocument * block + 1));
                Arrays.fill(scores, r * block + valid, (r + 1) * block, Float.NEGATIVE_INFINITY);
            }
            softmax(r, valid);
        }
        SmallProduct.multiply(padded, size, block, scores, 0, block, 1, values, packed, size, out, 0, size, true);
    }

    /** Turns a row of scores into weights relative to the row's maximum so far. */
    private void softmax(int row, int valid) {
        int at = row * block;
        FloatVector highest = FloatVector.fromArray(SPECIES, scores, at);
        for (int i = LANES; i < block; i += LANES) {
            highest = highest.max(FloatVector.fromArray(SPECIES, scores, at + i));
        }
        float before = max[row];
        float now = Math.max(before, highest.reduceLanes(VectorOperators.MAX));
        FloatVector sum = FloatVector.fromArray(SPECIES, sums, row * LANES);
        if (now > before) {
            max[row] = now;
            // The first block has nothing to rescale, and infinity minus infinity must not be formed.
            if (before != Float.NEGATIVE_INFINITY) {
                float factor = FastExp.powerOfTwo(before - now);
                sum = sum.mul(factor);
                rescale(row, factor);
            }
        }
        for (int i = 0; i < block; i += LANES) {
            FloatVector weight = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, scores, at + i).sub(now));
            weight.intoArray(scores, at + i);
            sum = sum.add(weight);
        }
        sum.intoArray(sums, row * LANES);
        if (valid < block) {
            Arrays.fill(scores, at + valid, at + block, 0);
        }
    }

    private void rescale(int row, float factor) {
        for (int i = row * size; i < (row + 1) * size; i += LANES) {
            FloatVector.fromArray(SPECIES, out, i).mul(factor).intoArray(out, i);
        }
    }

    private void store(TileIndex index, int document, int tile, int kvHead, int from, int rows, MemorySegment output,
            MemorySegment logSumExp) {
        for (int r = 0; r < rows; r++) {
            float sum = FloatVector.fromArray(SPECIES, sums, r * LANES).reduceLanes(VectorOperators.ADD);
            rescale(r, 1 / sum);
            layout.write(out, r * size, output, layout.element(index, document, tile, kvHead, from + r));
            Rows.set(logSumExp, layout.logSumExpElement(index, document, tile, kvHead, from + r),
                    max[r] * LN_2 + (float) Math.log(sum));
        }
    }
}
