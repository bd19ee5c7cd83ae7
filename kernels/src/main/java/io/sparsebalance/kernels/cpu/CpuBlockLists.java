package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Packing;

/**
 * Kept blocks as compressed rows on the heap. The list of (key/value head j, tile t) stands at {@code from(j, t)} to
 * {@code to(j, t)} of {@link #blocks}: ascending block numbers, counted in the tile's document. Used on the device
 * thread; its tasks only read.
 */
final class CpuBlockLists implements BlockLists {
    private final AttentionShape shape;
    private final TileGrid grid;
    private final int budget;
    private final int[] starts;
    private final int[] blocks;
    private final long selectedPairs;
    private final double[] coverage;
    private BlockTiles inverse;
    private boolean closed;

    /**
     * Takes the arrays over.
     *
     * @param starts {@code J * tiles + 1} positions in {@code blocks}
     */
    CpuBlockLists(AttentionShape shape, TileGrid grid, int budget, int[] starts, int[] blocks, double[] coverage) {
        this.shape = shape;
        this.grid = grid;
        this.budget = budget;
        this.starts = starts;
        this.blocks = blocks;
        this.coverage = coverage;
        this.selectedPairs = countPairs();
    }

    private long countPairs() {
        long pairs = 0;
        for (int head = 0; head < shape.kvHeads(); head++) {
            for (int tile = 0; tile < grid.numTiles(); tile++) {
                for (int i = from(head, tile); i < to(head, tile); i++) {
                    pairs += grid.pairs(tile, blocks[i]);
                }
            }
        }
        return Math.round((double) pairs / shape.kvHeads());
    }

    @Override
    public Packing documents() {
        return grid.documents();
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

    /** Shape that the lists were made for. */
    AttentionShape shape() {
        return shape;
    }

    /** Tiles and blocks of the documents. */
    TileGrid grid() {
        return grid;
    }

    /** Where the list of a tile begins in {@link #block}. */
    int from(int kvHead, int tile) {
        return starts[kvHead * grid.numTiles() + tile];
    }

    /** Where the list of a tile ends, exclusive. */
    int to(int kvHead, int tile) {
        return starts[kvHead * grid.numTiles() + tile + 1];
    }

    /** Entry of a list: a block, counted in the tile's document. */
    int block(int position) {
        return blocks[position];
    }

    /** The inverse lists, made when first asked for: the forward does not need them. */
    BlockTiles inverse() {
        requireOpen();
        if (inverse == null) {
            inverse = invert();
        }
        return inverse;
    }

    /** @throws IllegalStateException if the lists are closed */
    void requireOpen() {
        if (closed) {
            throw new IllegalStateException("block lists are used after close");
        }
    }

    /** A counting sort: tiles are visited in ascending order, so each inverse list ascends too. */
    private BlockTiles invert() {
        int numBlocks = grid.numBlocks();
        int[] tileStarts = new int[Math.multiplyExact(shape.kvHeads(), numBlocks) + 1];
        forEachEntry((row, tile) -> tileStarts[row + 1]++);
        for (int row = 0; row + 1 < tileStarts.length; row++) {
            tileStarts[row + 1] += tileStarts[row];
        }
        int[] next = tileStarts.clone();
        int[] tiles = new int[blocks.length];
        forEachEntry((row, tile) -> tiles[next[row]++] = tile);
        return new BlockTiles(numBlocks, tileStarts, tiles);
    }

    private void forEachEntry(EntryAction action) {
        for (int head = 0; head < shape.kvHeads(); head++) {
            for (int tile = 0; tile < grid.numTiles(); tile++) {
                int row = head * grid.numBlocks() + grid.firstBlock(grid.documentOfTile(tile));
                for (int i = from(head, tile); i < to(head, tile); i++) {
                    action.accept(row + blocks[i], tile);
                }
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        inverse = null;
    }

    private interface EntryAction {
        void accept(int row, int tile);
    }

    /** Inverse lists: for (key/value head, block of the grid) the tiles of the grid that keep the block, ascending. */
    static final class BlockTiles {
        private final int numBlocks;
        private final int[] starts;
        private final int[] tiles;

        private BlockTiles(int numBlocks, int[] starts, int[] tiles) {
            this.numBlocks = numBlocks;
            this.starts = starts;
            this.tiles = tiles;
        }

        /** Where a block's list begins in {@link #tile}. */
        int from(int kvHead, int block) {
            return starts[kvHead * numBlocks + block];
        }

        /** Where a block's list ends, exclusive. */
        int to(int kvHead, int block) {
            return starts[kvHead * numBlocks + block + 1];
        }

        /** Entry of a list: a tile of the grid. */
        int tile(int position) {
            return tiles[position];
        }
    }
}
