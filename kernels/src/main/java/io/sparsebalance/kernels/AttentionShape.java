package io.sparsebalance.kernels;

/**
 * Shape of block-sparse causal attention.
 *
 * @param heads query heads H, a multiple of {@code kvHeads}
 * @param kvHeads key/value heads J
 * @param headSize D, a multiple of 8
 * @param block B, key tokens in a block
 * @param queryTile Q, query tokens in a tile, 16 to 128; independent of B
 * @param sinkBlocks first blocks of a document that are always kept, 0 for none
 * @param localBlocks blocks just before the tile's own that are always kept, 0 for none
 */
public record AttentionShape(int heads, int kvHeads, int headSize, int block, int queryTile, int sinkBlocks,
        int localBlocks) {
    /** Checks the ranges. */
    public AttentionShape {
        require(kvHeads > 0 && heads > 0 && heads % kvHeads == 0,
                "heads " + heads + " must be a positive multiple of kvHeads " + kvHeads);
        require(headSize > 0 && headSize % 8 == 0, "headSize " + headSize + " must be a positive multiple of 8");
        require(block == 32 || block == 64 || block == 128 || block == 256,
                "block " + block + " must be 32, 64, 128 or 256");
        require(queryTile >= 16 && queryTile <= 128, "queryTile " + queryTile + " must be 16 to 128");
        require(sinkBlocks >= 0 && localBlocks >= 0, "sinkBlocks and localBlocks must not be negative");
    }

    /** G, query heads that share one key/value head. */
    public int groupSize() {
        return heads / kvHeads;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException("attention shape: " + message);
        }
    }
}
