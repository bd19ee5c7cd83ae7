package io.sparsebalance.kernels.cpu;

import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Scores and order of one tile's causal blocks: forced blocks first, then by falling score, ties to the lower block.
 * Scratch of one worker, used again for each tile.
 */
final class TileRanking {
    private static final int BLOCK_BITS = 31;
    private static final long BLOCK_MASK = (1L << BLOCK_BITS) - 1;

    private final float[] scores;
    /** Sort keys that rise: negative for forced blocks; else 32 bits that fall with the score, then the block. */
    private final long[] order;
    private final double[] cumulative;
    private int count;

    TileRanking(int mostBlocks) {
        this.scores = new float[mostBlocks];
        this.order = new long[mostBlocks];
        this.cumulative = new double[mostBlocks + 1];
    }

    /** Starts a tile with {@code n} blocks. */
    void start(int n) {
        count = n;
    }

    /** Sets a block's score. */
    void score(int block, float score) {
        scores[block] = score;
    }

    /** Orders the blocks. */
    void sort(IntPredicate forced) {
        for (int block = 0; block < count; block++) {
            order[block] = forced.test(block) ? Long.MIN_VALUE + block : fallingKey(scores[block]) | block;
        }
        Arrays.sort(order, 0, count);
    }

    /** The float order as 32 unsigned bits, reversed, above the bits of a block. Both zeros are one; NaN counts as highest. */
    private static long fallingKey(float score) {
        int bits = Float.floatToIntBits(score + 0f);
        int rising = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return Integer.toUnsignedLong(~rising ^ Integer.MIN_VALUE) << BLOCK_BITS;
    }

    /** Writes the first blocks in order to {@code blocks[from, to)}, ascending. */
    void keep(int[] blocks, int from, int to) {
        for (int i = from; i < to; i++) {
            blocks[i] = (int) (order[i - from] & BLOCK_MASK);
        }
        Arrays.sort(blocks, from, to);
    }

    /** Prepares {@link #share}: softmax of score / sqrt(headSize), summed in order, in double precision. */
    void accumulate(int headSize) {
        double scale = 1 / Math.sqrt(headSize);
        double max = Double.NEGATIVE_INFINITY;
        for (int block = 0; block < count; block++) {
            max = Math.max(max, scores[block] * scale);
        }
        for (int i = 0; i < count; i++) {
            int block = (int) (order[i] & BLOCK_MASK);
            cumulative[i + 1] = cumulative[i] + Math.exp(scores[block] * scale - max);
        }
    }

    /** Share of the probability mass that the first {@code n} blocks in order hold; 1 for all blocks. */
    double share(int n) {
        return cumulative[n] / cumulative[count];
    }
}
