package io.sparsebalance.kernels.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Cuts the backward of some key/value heads into chunks: runs of neighbouring tiles of one document and head. A chunk sums
 * the gradients of its tiles' blocks into space of its own, in tile order; then the chunks' sums are added in chunk order.
 * The cut of a document depends on its lists alone, so its sums depend neither on the number of threads nor on the documents
 * beside it, and no score is computed twice. Chunks run in waves, which bounds the space.
 */
final class BackwardPlan {
    /** A chunk may end at this part of a document's entries, so that cores can share one document. */
    private static final int PARTS = 32;
    /** Fewer list entries than this are not worth a chunk. */
    private static final int LEAST_ENTRIES = 128;
    /** Query rows that should share a block in a chunk: clearing and adding its sums then costs little beside them. */
    private static final int SHARED_ROWS = 512;
    /** A chunk whose tiles share few blocks ends when it is this many times longer. */
    private static final int PATIENCE = 4;
    /** From this size on a chunk may end before its part is full. */
    private static final int LARGE_CHUNK_FLOATS = 4 << 20;
    /** Chunks in a wave even where they pass its limit: with fewer, cores would idle. */
    private static final int LEAST_WAVE = 4;

    private final CpuBlockLists lists;
    private final TileGrid grid;
    private final int firstHead;
    private final int paddedHeadSize;
    private final List<Chunk> chunks = new ArrayList<>();
    private final int[] chunkOfTile;

    BackwardPlan(CpuBlockLists lists, int firstHead, int numHeads) {
        this.lists = lists;
        this.grid = lists.grid();
        this.firstHead = firstHead;
        this.paddedHeadSize = Lanes.numPanels(lists.shape().headSize()) * Lanes.PANEL;
        this.chunkOfTile = new int[Math.multiplyExact(numHeads, grid.numTiles())];
        for (int head = firstHead; head < firstHead + numHeads; head++) {
            for (int document = 0; document < grid.documents().numDocuments(); document++) {
                cut(head, document);
            }
        }
    }

    private void cut(int head, int document) {
        int tile = grid.firstTile(document);
        int end = grid.firstTile(document + 1);
        int part = Math.max(LEAST_ENTRIES, (lists.to(head, end - 1) - lists.from(head, tile)) / PARTS);
        while (tile < end) {
            Chunk chunk = new Chunk(head, tile, grid.firstBlock(document + 1) - grid.firstBlock(document));
            while (tile < end && !isFull(chunk, part)) {
                chunkOfTile[(head - firstHead) * grid.numTiles() + tile] = chunks.size();
                extend(chunk, tile, grid.firstBlock(document));
                tile++;
            }
            chunks.add(chunk);
        }
    }

    private void extend(Chunk chunk, int tile, int firstBlock) {
        for (int i = lists.from(chunk.kvHead, tile); i < lists.to(chunk.kvHead, tile); i++) {
            int block = lists.block(i);
            if (chunk.blockAt[block] < 0) {
                chunk.blockAt[block] = chunk.floats;
                chunk.firstTileOf[block] = tile;
                chunk.floats = Math.addExact(chunk.floats, blockFloats(grid, firstBlock + block, paddedHeadSize));
                chunk.distinct++;
            }
            chunk.entries++;
        }
        chunk.endTile = tile + 1;
    }

    private boolean isFull(Chunk chunk, int part) {
        long rows = (long) chunk.entries * grid.tileSize() * lists.shape().groupSize();
        boolean shared = rows >= (long) SHARED_ROWS * chunk.distinct;
        if (chunk.entries >= part) {
            return shared || chunk.entries / PATIENCE >= part;
        }
        return shared && chunk.floats >= LARGE_CHUNK_FLOATS;
    }

    /** Floats of a block's sums, dK and dV. */
    static int blockFloats(TileGrid grid, int block, int paddedHeadSize) {
        return 2 * grid.paddedBlockTokens(block) * paddedHeadSize;
    }

    /** A chunk. */
    Chunk chunk(int index) {
        return chunks.get(index);
    }

    /** The chunk that holds a tile. */
    int chunkOf(int kvHead, int tile) {
        return chunkOfTile[(kvHead - firstHead) * grid.numTiles() + tile];
    }

    /**
     * All chunks, in order.
     *
     * @param waveFloats most floats of a wave; passed only by waves of a few chunks
     */
    List<Wave> waves(long waveFloats) {
        List<Wave> waves = new ArrayList<>();
        int first = 0;
        while (first < chunks.size()) {
            int end = first;
            long floats = 0;
            while (end < chunks.size()
                    && (end - first < LEAST_WAVE || floats + chunks.get(end).floats() <= waveFloats)) {
                floats += chunks.get(end).floats();
                end++;
            }
            int[] floatsAt = new int[end - first + 1];
            for (int i = 0; i < end - first; i++) {
                floatsAt[i + 1] = Math.addExact(floatsAt[i], chunks.get(first + i).floats());
            }
            waves.add(new Wave(first, end, floatsAt));
            first = end;
        }
        return waves;
    }

    /** Tiles of one document and key/value head, and where the sums of each block they keep stand. */
    static final class Chunk {
        private final int kvHead;
        private final int firstTile;
        private final int[] blockAt;
        private final int[] firstTileOf;
        private int endTile;
        private int floats;
        private int entries;
        private int distinct;

        private Chunk(int kvHead, int firstTile, int numBlocks) {
            this.kvHead = kvHead;
            this.firstTile = firstTile;
            this.endTile = firstTile;
            this.blockAt = new int[numBlocks];
            Arrays.fill(blockAt, -1);
            this.firstTileOf = new int[numBlocks];
        }

        int kvHead() {
            return kvHead;
        }

        /** First tile of the grid. */
        int firstTile() {
            return firstTile;
        }

        /** Last tile, exclusive. */
        int endTile() {
            return endTile;
        }

        /**
         * Where the sums of a block of the document begin in the chunk's space, dK before dV, each
         * {@code [panel of D][keys][PANEL]}; -1 if no tile of the chunk keeps the block.
         */
        int blockAt(int block) {
            return blockAt[block];
        }

        /** Whether a tile is the first of the chunk that keeps a block: it finds the block's sums not yet cleared. */
        boolean isFirst(int tile, int block) {
            return firstTileOf[block] == tile;
        }

        /** Size of the chunk's space. */
        int floats() {
            return floats;
        }
    }

    /** Chunks that run together, each in a space of its own. */
    static final class Wave {
        private final int first;
        private final int end;
        private final int[] floatsAt;

        private Wave(int first, int end, int[] floatsAt) {
            this.first = first;
            this.end = end;
            this.floatsAt = floatsAt;
        }

        /** First chunk. */
        int first() {
            return first;
        }

        /** Last chunk, exclusive. */
        int end() {
            return end;
        }

        /** Floats of all its chunks. */
        int floats() {
            return floatsAt[end - first];
        }

        /** Where a chunk's space begins. */
        int at(int chunk) {
            return floatsAt[chunk - first];
        }
    }
}
