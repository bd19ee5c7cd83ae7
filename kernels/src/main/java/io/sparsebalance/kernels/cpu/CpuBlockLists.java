package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Packing;

/**
 * Lists of kept blocks on the heap. The backward walks the tiles in order and adds to their blocks, so it needs no inverse
 * lists.
 */
final class CpuBlockLists implements BlockLists {
    private final TileIndex index;
    private final int budget;
    private final int[] first;
    private final int[] ids;
    private final long selectedPairs;
    private final double[] coverage;

    /**
     * Takes ownership of the arrays.
     *
     * @param first place of each list in {@code ids}; list number is kvHead * numTiles + tile; one more at the end
     * @param ids block numbers in the document, ascending in each list
     */
    CpuBlockLists(TileIndex index, int budget, int[] first, int[] ids, long selectedPairs, double[] coverage) {
        this.index = index;
        this.budget = budget;
        this.first = first;
        this.ids = ids;
        this.selectedPairs = selectedPairs;
        this.coverage = coverage;
    }

    TileIndex index() {
        return index;
    }

    /** Where a tile's list begins. */
    int from(int kvHead, int tile) {
        return first[kvHead * index.numTiles() + tile];
    }

    /** Where it ends. */
    int to(int kvHead, int tile) {
        return first[kvHead * index.numTiles() + tile + 1];
    }

    /** Block number in the document, at a place of a list. */
    int block(int place) {
        return ids[place];
    }

    @Override
    public Packing documents() {
        return index.documents();
    }

    @Override
    public int budget() {
        return budget;
    }

    @Override
    public long selectedPairs() {
        return selectedPairs;
    }

    @Override
    public double[] coverage() {
        return coverage.clone();
    }

    @Override
    public void close() {
        // Nothing but heap memory is held.
    }
}
