package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Keys or values of some key/value heads, copied once per call into strips: block after block, each block's keys rounded up
 * to whole strips with zeros. Two forms, for products that sum over D and over keys. Kept between calls and grown when
 * needed. Written by {@link #pack}, then only read.
 */
final class StripPack {
    private final int headSize;
    private final float[][] rows;
    private float[] overHead = {};
    private float[] overKeys = {};
    private TileGrid grid;

    /** Which forms are wanted. */
    enum Forms {
        /** {@code [keys / STRIP][D][STRIP]}. */
        OVER_HEAD,
        /** {@code [D / STRIP][keys][STRIP]}. */
        OVER_KEYS,
        /** Both. */
        BOTH
    }

    /** @param numThreads threads that pack */
    StripPack(int headSize, int numThreads) {
        this.headSize = headSize;
        this.rows = new float[numThreads][0];
    }

    /**
     * Copies heads {@code firstHead} to {@code firstHead + numHeads - 1} of {@code x [T,heads,D]}. A task is a block with all
     * these heads, because they lie side by side in memory.
     *
     * @throws ArithmeticException if they have more than 2^31 - 1 elements
     */
    void pack(Workers workers, MemorySegment x, TileGrid grid, int heads, int firstHead, int numHeads, Forms forms) {
        this.grid = grid;
        int size = Math.multiplyExact(Math.multiplyExact(grid.paddedTokens(), headSize), numHeads);
        if (forms != Forms.OVER_KEYS && overHead.length < size) {
            overHead = new float[size];
        }
        if (forms != Forms.OVER_HEAD && overKeys.length < size) {
            overKeys = new float[size];
        }
        workers.forEach(grid.numBlocks(), (block, worker) -> {
            if (rows[worker].length < numHeads * headSize) {
                rows[worker] = new float[numHeads * headSize];
            }
            packBlock(x, heads, firstHead, numHeads, block, rows[worker], forms);
        });
    }

    private void packBlock(MemorySegment x, int heads, int firstHead, int numHeads, int block, float[] row,
            Forms forms) {
        int tokens = grid.blockTokens(block);
        int padded = grid.paddedBlockTokens(block);
        for (int r = 0; r < padded; r++) {
            if (r < tokens) {
                TokenRows.read(x, TokenRows.offset(grid.blockToken(block) + r, heads, firstHead, headSize), row, 0,
                        numHeads * headSize);
            } else {
                Arrays.fill(row, 0f);
            }
            for (int head = 0; head < numHeads; head++) {
                if (forms != Forms.OVER_KEYS) {
                    TokenRows.rowToStripColumn(row, head * headSize, headSize, overHead, at(head, block), r);
                }
                if (forms != Forms.OVER_HEAD) {
                    TokenRows.rowToStrips(row, head * headSize, headSize, overKeys, at(head, block), padded, r);
                }
            }
        }
    }

    /** Strips of keys, each {@code [D][STRIP]}. */
    float[] overHead() {
        return overHead;
    }

    /** Strips of D, each {@code [keys][STRIP]}. */
    float[] overKeys() {
        return overKeys;
    }

    /** Where a block begins in either array; {@code head} counts from the first head packed. */
    int at(int head, int block) {
        return (head * grid.paddedTokens() + grid.paddedBlockToken(block)) * headSize;
    }

    /** Floats from one strip of a block to the next in {@link #overKeys}. */
    int keysStride(int block) {
        return STRIP * grid.paddedBlockTokens(block);
    }
}
