package io.sparsebalance.policies.cost;

/**
 * Counts the (query, key) pairs that block-sparse causal attention computes for one document and head. Exact: blocks before a
 * tile are whole, so their number alone decides.
 *
 * @param block key tokens of a block
 * @param queryTile query tokens of a tile
 * @param forcedBlocks blocks before a tile that are kept whatever the budget (sink and local)
 */
public record SelectedPairs(int block, int queryTile, int forcedBlocks) {
    /** Checks the ranges. */
    public SelectedPairs {
        if (block < 1 || queryTile < 1 || forcedBlocks < 0) {
            throw new IllegalArgumentException("block " + block + " and queryTile " + queryTile
                    + " must be positive, forcedBlocks " + forcedBlocks + " must not be negative");
        }
    }

    /** Pairs of a document of {@code length} tokens at a budget of {@code budget} blocks. */
    public long count(int length, int budget) {
        long pairs = 0;
        for (int start = 0; start < length; start += queryTile) {
            int tokens = Math.min(queryTile, length - start);
            int past = start / block;
            int own = (start + tokens - 1) / block + 1 - past;
            int kept = Math.min(past, Math.max(forcedBlocks, budget - own));
            long before = start - (long) past * block;
            pairs += (long) kept * block * tokens + before * tokens + (long) tokens * (tokens + 1) / 2;
        }
        return pairs;
    }

    /** Pairs of dense causal attention. */
    public static long causal(int length) {
        return (long) length * (length + 1) / 2;
    }

    /** Blocks of a document: a budget of this many is dense. */
    public int numBlocks(int length) {
        return Math.ceilDiv(length, block);
    }
}
