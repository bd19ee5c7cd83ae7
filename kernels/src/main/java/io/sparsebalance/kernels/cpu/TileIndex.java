package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.Arrays;

/** Numbers the query tiles and key blocks of packed documents: documents in order, tiles and blocks ascending in each. */
final class TileIndex {
    private final Packing documents;
    private final int block;
    private final int queryTile;
    private final int[] firstTile;
    private final int[] firstBlock;

    TileIndex(Packing documents, AttentionShape shape) {
        this.documents = documents;
        this.block = shape.block();
        this.queryTile = shape.queryTile();
        int n = documents.numDocuments();
        firstTile = new int[n + 1];
        firstBlock = new int[n + 1];
        for (int d = 0; d < n; d++) {
            firstTile[d + 1] = firstTile[d] + Math.ceilDiv(documents.length(d), queryTile);
            firstBlock[d + 1] = firstBlock[d] + Math.ceilDiv(documents.length(d), block);
        }
    }

    Packing documents() {
        return documents;
    }

    int numTiles() {
        return firstTile[documents.numDocuments()];
    }

    int numBlocks() {
        return firstBlock[documents.numDocuments()];
    }

    int firstTile(int document) {
        return firstTile[document];
    }

    int numTiles(int document) {
        return firstTile[document + 1] - firstTile[document];
    }

    int firstBlock(int document) {
        return firstBlock[document];
    }

    int numBlocks(int document) {
        return firstBlock[document + 1] - firstBlock[document];
    }

    int documentOfTile(int tile) {
        return document(firstTile, tile);
    }

    int documentOfBlock(int globalBlock) {
        return document(firstBlock, globalBlock);
    }

    /** First token of a tile, from the document's start. */
    int tileStart(int tileInDocument) {
        return tileInDocument * queryTile;
    }

    /** Tokens of a tile. */
    int tileLength(int document, int tileInDocument) {
        return Math.min(queryTile, documents.length(document) - tileStart(tileInDocument));
    }

    /** First of the blocks that overlap a tile; all blocks before it are candidates. */
    int firstOwnBlock(int tileInDocument) {
        return tileStart(tileInDocument) / block;
    }

    /** Blocks that a tile may see, its own included. */
    int numCausalBlocks(int document, int tileInDocument) {
        int last = tileStart(tileInDocument) + tileLength(document, tileInDocument) - 1;
        return last / block + 1;
    }

    /** Tokens of a block. */
    int blockLength(int document, int blockInDocument) {
        return Math.min(block, documents.length(document) - blockInDocument * block);
    }

    private static int document(int[] first, int number) {
        int at = Arrays.binarySearch(first, number);
        return at >= 0 ? at : -at - 2;
    }
}
