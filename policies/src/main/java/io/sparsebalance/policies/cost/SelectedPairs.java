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
        int numTiles = length / queryTile;
        int rest = length % queryTile;
        long pairs = rest == 0 ? 0 : tile(numTiles * queryTile, rest, budget);
        if (block % queryTile == 0) {
            return pairs + tilesInsideBlocks(numTiles, budget);
        }
        if (queryTile % block == 0) {
            return pairs + tilesOfBlocks(numTiles, budget);
        }
        for (int i = 0; i < numTiles; i++) {
            pairs += tile(i * queryTile, queryTile, budget);
        }
        return pairs;
    }

    private long tile(int start, int tokens, int budget) {
        int past = start / block;
        int own = (start + tokens - 1) / block + 1 - past;
        int kept = Math.min(past, Math.max(forcedBlocks, budget - own));
        long before = start - (long) past * block;
        return (long) kept * block * tokens + before * tokens + triangle(tokens);
    }

    /** Whole tiles where a block holds a whole number of them: the sum in closed form. */
    private long tilesInsideBlocks(int numTiles, int budget) {
        int perBlock = block / queryTile;
        long whole = numTiles / perBlock;
        long rest = numTiles % perBlock;
        long most = Math.max(forcedBlocks, budget - 1);
        long ramp = Math.min(whole, most);
        long keptBlocks = perBlock * (ramp * (ramp - 1) / 2 + (whole - ramp) * most) + rest * Math.min(whole, most);
        long before = queryTile * (whole * perBlock * (perBlock - 1L) / 2 + rest * (rest - 1) / 2);
        return keptBlocks * block * queryTile + before * queryTile + numTiles * triangle(queryTile);
    }

    /** Whole tiles that hold a whole number of blocks: the sum in closed form. */
    private long tilesOfBlocks(int numTiles, int budget) {
        int own = queryTile / block;
        long most = Math.max(forcedBlocks, budget - own);
        long ramp = Math.min(numTiles, Math.ceilDiv(most, (long) own));
        long keptBlocks = own * (ramp * (ramp - 1) / 2) + (numTiles - ramp) * most;
        return keptBlocks * block * queryTile + numTiles * triangle(queryTile);
    }

    private static long triangle(long tokens) {
        return tokens * (tokens + 1) / 2;
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
