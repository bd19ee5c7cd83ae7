package io.sparsebalance.kernels.cpu;

import java.util.ArrayList;
import java.util.List;

/**
 * Consecutive tiles of one document and key/value head whose backward is one task, with room of its own for the gradients of
 * the blocks that they can reach. The split follows from the shapes alone, so that bits do not depend on threads.
 *
 * @param at first element of the room
 * @param end one past its last element
 */
record TileRun(int kvHead, int document, int fromTile, int toTile, int at, int end) {
    /** Documents up to this many tiles are one run. */
    private static final int TILES = 64;
    private static final int MAX_RUNS = 4;

    /**
     * All runs, ordered by key/value head, document, tile.
     *
     * @param blockSize elements of one block's gradient
     */
    static List<TileRun> split(TileIndex index, int kvHeads, int blockSize) {
        List<TileRun> runs = new ArrayList<>();
        int at = 0;
        for (int j = 0; j < kvHeads; j++) {
            for (int d = 0; d < index.documents().numDocuments(); d++) {
                int numTiles = index.numTiles(d);
                int numRuns = Math.min(MAX_RUNS, Math.ceilDiv(numTiles, TILES));
                for (int r = 0; r < numRuns; r++) {
                    int from = (int) ((long) numTiles * r / numRuns);
                    int to = (int) ((long) numTiles * (r + 1) / numRuns);
                    int end = Math.addExact(at, Math.multiplyExact(index.numCausalBlocks(d, to - 1), blockSize));
                    runs.add(new TileRun(j, d, from, to, at, end));
                    at = end;
                }
            }
        }
        return runs;
    }

    /** Place of the first run of a key/value head and document, found by halving. */
    static int firstOf(List<TileRun> runs, int kvHead, int document) {
        int low = 0;
        int high = runs.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            TileRun run = runs.get(middle);
            if (run.kvHead() < kvHead || (run.kvHead() == kvHead && run.document() < document)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
