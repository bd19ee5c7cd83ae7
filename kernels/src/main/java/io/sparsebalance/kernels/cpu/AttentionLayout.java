package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Moves rows between tensors and the kernels' scratch on the heap. A kernel row is (token, head of the group), token-major;
 * rows come in panels that stay in the first-level cache, padded with zeros to whole vectors and to whole kernel rows.
 */
final class AttentionLayout {
    /** Rows of a panel: their scores against a block and the block itself fit the cache together. */
    static final int PANEL = 64;

    private final AttentionShape shape;
    private final int paddedSize;

    AttentionLayout(AttentionShape shape) {
        this.shape = shape;
        this.paddedSize = Math.ceilDiv(shape.headSize(), LANES) * LANES;
    }

    AttentionShape shape() {
        return shape;
    }

    /** Head size in whole vectors. */
    int paddedSize() {
        return paddedSize;
    }

    /** Rows rounded up to what {@link SmallProduct} takes. */
    static int paddedRows(int rows) {
        return Math.ceilDiv(rows, SmallProduct.ROWS) * SmallProduct.ROWS;
    }

    /** Rows of a tile. */
    int numRows(TileIndex index, int document, int tile) {
        return index.tileLength(document, tile) * shape.groupSize();
    }

    /** Element index in a [T,H,D] tensor of a tile's row. */
    long element(TileIndex index, int document, int tile, int kvHead, int row) {
        long token = (long) index.documents().start(document) + index.tileStart(tile) + row / shape.groupSize();
        return (token * shape.heads() + (long) kvHead * shape.groupSize() + row % shape.groupSize()) * shape.headSize();
    }

    /** Element index in [H,T] of a tile's row. */
    long logSumExpElement(TileIndex index, int document, int tile, int kvHead, int row) {
        long token = (long) index.documents().start(document) + index.tileStart(tile) + row / shape.groupSize();
        return ((long) kvHead * shape.groupSize() + row % shape.groupSize()) * index.documents().numTokens() + token;
    }

    /** Reads one head's values into a row of scratch. */
    void read(MemorySegment x, long element, float[] target, int at) {
        MemorySegment.copy(x, ValueLayout.JAVA_FLOAT, element << 2, target, at, shape.headSize());
    }

    /** Writes one head's values from a row of scratch. */
    void write(float[] source, int at, MemorySegment x, long element) {
        MemorySegment.copy(source, at, x, ValueLayout.JAVA_FLOAT, element << 2, shape.headSize());
    }

    /**
     * Packs keys or values of every block of one key/value head: {@code [block][B][padded D]}, or {@code [block][padded D][B]}
     * transposed, zeros beyond a block's tokens.
     *
     * @param packed at least {@code blocks * B * paddedSize}
     */
    void pack(MemorySegment x, TileIndex index, int block, int kvHead, boolean transposed, float[] packed) {
        int document = index.documentOfBlock(block);
        int inDocument = block - index.firstBlock(document);
        Packing documents = index.documents();
        long token = (long) documents.start(document) + (long) inDocument * shape.block();
        int length = index.blockLength(document, inDocument);
        int at = block * shape.block() * paddedSize;
        java.util.Arrays.fill(packed, at, at + shape.block() * paddedSize, 0);
        for (int t = 0; t < length; t++) {
            long row = ((token + t) * shape.kvHeads() + kvHead) * shape.headSize();
            if (transposed) {
                for (int d = 0; d < shape.headSize(); d++) {
                    packed[at + d * shape.block() + t] = Rows.get(x, row + d);
                }
            } else {
                read(x, row, packed, at + t * paddedSize);
            }
        }
    }
}
