package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;

/**
 * How packed documents fall into query tiles and key blocks, as {@code attention_common.cuh} lays them out. Tiles and blocks
 * are numbered through all documents; none spans two. How many blocks a tile keeps follows from its place and the budget, so
 * the host knows the size of every list, and the selected pairs, without asking the device. Immutable.
 */
final class AttentionGrid {
    /** Fields of {@code AttentionTile}. */
    static final int TILE_INTS = 4;
    /** Fields of {@code AttentionBlock}. */
    static final int BLOCK_INTS = 8;
    private static final int WORD_BITS = 32;

    private final AttentionShape shape;
    private final Packing documents;
    private final int numTiles;
    private final int numBlocks;
    private final int mostCausalBlocks;

    AttentionGrid(AttentionShape shape, Packing documents) {
        this.shape = shape;
        this.documents = documents;
        int tiles = 0;
        int blocks = 0;
        int longest = 0;
        for (int i = 0; i < documents.numDocuments(); i++) {
            tiles += Math.ceilDiv(documents.length(i), shape.queryTile());
            blocks += Math.ceilDiv(documents.length(i), shape.block());
            longest = Math.max(longest, documents.length(i));
        }
        numTiles = tiles;
        numBlocks = blocks;
        mostCausalBlocks = Math.ceilDiv(longest, shape.block());
    }

    /** Documents that it was made for. */
    Packing documents() {
        return documents;
    }

    /** Tiles of all documents. */
    int numTiles() {
        return numTiles;
    }

    /** Blocks of all documents. */
    int numBlocks() {
        return numBlocks;
    }

    /** Blocks of the longest document. */
    int mostCausalBlocks() {
        return mostCausalBlocks;
    }

    /** Words of one bit for each block of the longest document. */
    int words() {
        return Math.ceilDiv(mostCausalBlocks, WORD_BITS);
    }

    /** {@link #TILE_INTS} numbers for each tile. */
    int[] tiles() {
        int[] tiles = new int[Math.multiplyExact(numTiles, TILE_INTS)];
        int at = 0;
        int firstBlock = 0;
        for (int i = 0; i < documents.numDocuments(); i++) {
            int length = documents.length(i);
            for (int start = 0; start < length; start += shape.queryTile()) {
                tiles[at++] = documents.start(i) + start;
                tiles[at++] = start;
                tiles[at++] = Math.min(shape.queryTile(), length - start);
                tiles[at++] = firstBlock;
            }
            firstBlock += Math.ceilDiv(length, shape.block());
        }
        return tiles;
    }

    /** {@link #BLOCK_INTS} numbers for each block. */
    int[] blocks() {
        int[] blocks = new int[Math.multiplyExact(numBlocks, BLOCK_INTS)];
        int at = 0;
        int firstTile = 0;
        for (int i = 0; i < documents.numDocuments(); i++) {
            int length = documents.length(i);
            int endTile = firstTile + Math.ceilDiv(length, shape.queryTile());
            for (int start = 0; start < length; start += shape.block()) {
                blocks[at] = documents.start(i) + start;
                blocks[at + 1] = start;
                blocks[at + 2] = Math.min(shape.block(), length - start);
                blocks[at + 3] = firstTile;
                blocks[at + 4] = endTile;
                blocks[at + 5] = start / shape.block();
                at += BLOCK_INTS;
            }
            firstTile = endTile;
        }
        return blocks;
    }

    /** Tiles in the order in which they are started: those with the most causal blocks first, so that none is left for last. */
    int[] order() {
        int[] next = new int[mostCausalBlocks + 2];
        forEachTile((start, tokens, tile) -> next[mostCausalBlocks - numCausal(start, tokens) + 1]++);
        for (int i = 0; i <= mostCausalBlocks; i++) {
            next[i + 1] += next[i];
        }
        int[] order = new int[numTiles];
        forEachTile((start, tokens, tile) -> order[next[mostCausalBlocks - numCausal(start, tokens)]++] = tile);
        return order;
    }

    /** Entries of one head's lists. */
    int listLength(int budget) {
        int[] length = {0};
        forEachTile((start, tokens, tile) -> length[0] = Math.addExact(length[0], numKept(start, tokens, budget)));
        return length[0];
    }

    /** (query, key) pairs of one head. */
    long selectedPairs(int budget) {
        long[] pairs = {0};
        forEachTile((start, tokens, tile) -> {
            int candidates = start / shape.block();
            int keptBefore = numKept(start, tokens, budget) - (numCausal(start, tokens) - candidates);
            long ownKeysBefore = start - (long) candidates * shape.block();
            pairs[0] += (long) keptBefore * shape.block() * tokens + tokens * ownKeysBefore
                    + (long) tokens * (tokens + 1) / 2;
        });
        return pairs[0];
    }

    private int numCausal(int start, int tokens) {
        return (start + tokens - 1) / shape.block() + 1;
    }

    private int numKept(int start, int tokens, int budget) {
        int causal = numCausal(start, tokens);
        int candidates = start / shape.block();
        long forced = causal - candidates
                + Math.min(candidates, (long) shape.sinkBlocks() + shape.localBlocks());
        return (int) Math.min(causal, Math.max(budget, forced));
    }

    private void forEachTile(TileAction action) {
        int tile = 0;
        for (int i = 0; i < documents.numDocuments(); i++) {
            int length = documents.length(i);
            for (int start = 0; start < length; start += shape.queryTile()) {
                action.accept(start, Math.min(shape.queryTile(), length - start), tile++);
            }
        }
    }

    private interface TileAction {
        void accept(int start, int tokens, int tile);
    }
}
