package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.STRIP;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Keys or values of some key/value heads, copied once per call into strips: block after block, each block's keys rounded up
 * to whole strips with zeros. Kept between calls and grown when needed. Written by {@link #pack}, then only read.
 */
final class StripPack {
    private final Form form;
    private final int headSize;
    private float[] strips = {};
    private TileGrid grid;

    /** How a block lies in strips. */
    enum Form {
        /** {@code [keys / STRIP][D][STRIP]}, for products that sum over D. */
        SUM_OVER_HEAD,
        /** {@code [D / STRIP][keys][STRIP]}, for products that sum over keys. */
        SUM_OVER_KEYS
    }

    StripPack(Form form, int headSize) {
        this.form = form;
        this.headSize = headSize;
    }

    /**
     * Copies heads {@code firstHead} to {@code firstHead + numHeads - 1} of {@code x [T,heads,D]}.
     *
     * @throws ArithmeticException if they have more than 2^31 - 1 elements
     */
    void pack(Workers workers, MemorySegment x, TileGrid grid, int heads, int firstHead, int numHeads) {
        this.grid = grid;
        int size = Math.multiplyExact(Math.multiplyExact(grid.paddedTokens(), headSize), numHeads);
        if (strips.length < size) {
            strips = new float[size];
        }
        int numBlocks = grid.numBlocks();
        workers.forEach(Math.multiplyExact(numHeads, numBlocks), (task, worker) -> {
            int head = task / numBlocks;
            packBlock(x, heads, firstHead + head, task % numBlocks, at(head, task % numBlocks));
        });
    }

    private void packBlock(MemorySegment x, int heads, int head, int block, int at) {
        float[] row = new float[headSize];
        int tokens = grid.blockTokens(block);
        int padded = grid.paddedBlockTokens(block);
        for (int r = 0; r < padded; r++) {
            if (r < tokens) {
                TokenRows.read(x, TokenRows.offset(grid.blockToken(block) + r, heads, head, headSize), row, 0,
                        headSize);
            } else {
                Arrays.fill(row, 0f);
            }
            switch (form) {
                case SUM_OVER_HEAD -> TokenRows.rowToStripColumn(row, headSize, strips, at, r);
                case SUM_OVER_KEYS -> TokenRows.rowToStrips(row, headSize, strips, at, padded, r);
            }
        }
    }

    /** The array that {@link #at} points into. */
    float[] strips() {
        return strips;
    }

    /** Where a block begins; {@code head} counts from the first head packed. */
    int at(int head, int block) {
        return (head * grid.paddedTokens() + grid.paddedBlockToken(block)) * headSize;
    }

    /** Floats from one strip of a block to the next, in the form that sums over keys. */
    int keysStride(int block) {
        return STRIP * grid.paddedBlockTokens(block);
    }
}
