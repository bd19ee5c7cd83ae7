package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.Arrays;

/**
 * How packed documents fall into query tiles and key blocks. Tiles and blocks are numbered through all documents; tokens,
 * and blocks inside lists, count from the start of their document, so no tile or block spans two documents. Immutable.
 */
final class TileGrid {
    private final Packing documents;
    private final int blockSize;
    private final int tileSize;
    private final int[] tileDocument;
    private final int[] blockDocument;
    private final int[] firstTile;
    private final int[] firstBlock;
    private final int[] paddedStart;

    TileGrid(Packing documents, AttentionShape shape) {
        this.documents = documents;
        this.blockSize = shape.block();
        this.tileSize = shape.queryTile();
        this.firstTile = firsts(documents, tileSize);
        this.firstBlock = firsts(documents, blockSize);
        this.tileDocument = owners(firstTile);
        this.blockDocument = owners(firstBlock);
        this.paddedStart = new int[documents.numDocuments() + 1];
        for (int i = 0; i < documents.numDocuments(); i++) {
            paddedStart[i + 1] = Math.addExact(paddedStart[i], Lanes.roundUpToStrip(documents.length(i)));
        }
    }

    private static int[] firsts(Packing documents, int size) {
        int[] firsts = new int[documents.numDocuments() + 1];
        for (int i = 0; i < documents.numDocuments(); i++) {
            firsts[i + 1] = firsts[i] + ceilDiv(documents.length(i), size);
        }
        return firsts;
    }

    private static int[] owners(int[] firsts) {
        int[] owners = new int[firsts[firsts.length - 1]];
        for (int i = 0; i + 1 < firsts.length; i++) {
            Arrays.fill(owners, firsts[i], firsts[i + 1], i);
        }
        return owners;
    }

    private static int ceilDiv(int n, int size) {
        return (int) (((long) n + size - 1) / size);
    }

    Packing documents() {
        return documents;
    }

    /** B. */
    int blockSize() {
        return blockSize;
    }

    /** Q. */
    int tileSize() {
        return tileSize;
    }

    /** Tiles of all documents. */
    int numTiles() {
        return tileDocument.length;
    }

    /** Blocks of all documents. */
    int numBlocks() {
        return blockDocument.length;
    }

    /** Document of a tile. */
    int documentOfTile(int tile) {
        return tileDocument[tile];
    }

    /** Document of a block. */
    int documentOfBlock(int block) {
        return blockDocument[block];
    }

    /** First tile of a document; {@code firstTile(numDocuments)} is {@link #numTiles}. */
    int firstTile(int document) {
        return firstTile[document];
    }

    /** First block of a document: block j of its lists is block {@code firstBlock(document) + j} here. */
    int firstBlock(int document) {
        return firstBlock[document];
    }

    /** First token of a tile, counted from its document's start. */
    int tileStart(int tile) {
        return (tile - firstTile[tileDocument[tile]]) * tileSize;
    }

    /** Tokens of a tile: Q, or fewer at a document's end. */
    int tileTokens(int tile) {
        return Math.min(tileSize, documents.length(tileDocument[tile]) - tileStart(tile));
    }

    /** First token of a tile in the packed batch. */
    int tileToken(int tile) {
        return documents.start(tileDocument[tile]) + tileStart(tile);
    }

    /** First token of a block, counted from its document's start. */
    int blockStart(int block) {
        return (block - firstBlock[blockDocument[block]]) * blockSize;
    }

    /** Tokens of a block: B, or fewer at a document's end. */
    int blockTokens(int block) {
        return Math.min(blockSize, documents.length(blockDocument[block]) - blockStart(block));
    }

    /** First token of a block in the packed batch. */
    int blockToken(int block) {
        return documents.start(blockDocument[block]) + blockStart(block);
    }

    /** Keys of a block, rounded up to whole strips. */
    int paddedBlockTokens(int block) {
        return Lanes.roundUpToStrip(blockTokens(block));
    }

    /** First key of a block where each document's tokens are rounded up to whole strips. */
    int paddedBlockToken(int block) {
        return paddedStart[blockDocument[block]] + blockStart(block);
    }

    /** Tokens of all documents, each rounded up to whole strips. */
    int paddedTokens() {
        return paddedStart[paddedStart.length - 1];
    }

    /** First of the blocks that overlap a tile, counted in its document; the blocks before it are the tile's candidates. */
    int firstOwnBlock(int tile) {
        return tileStart(tile) / blockSize;
    }

    /** Blocks with at least one key that one of the tile's rows may see. */
    int numCausalBlocks(int tile) {
        return (tileStart(tile) + tileTokens(tile) - 1) / blockSize + 1;
    }

    /** (query, key) pairs of a tile and a block of its document, for one head: keys at or before the query. */
    long pairs(int tile, int documentBlock) {
        int first = tileStart(tile) - documentBlock * blockSize;
        int tokens = tileTokens(tile);
        int keys = blockTokens(firstBlock[tileDocument[tile]] + documentBlock);
        if (first + 1 >= keys) {
            return (long) tokens * keys;
        }
        long pairs = 0;
        for (int i = 0; i < tokens; i++) {
            pairs += Math.clamp((long) first + i + 1, 0, keys);
        }
        return pairs;
    }
}
