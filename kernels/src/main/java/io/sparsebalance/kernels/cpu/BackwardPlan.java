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
    /** Most chunks of one document and head, about: they are what cores share if there is one document. */
    private static final int CHUNKS = 32;
    /** Fewer list entries than this are not worth a chunk. */
    private static final int LEAST_ENTRIES = 128;
    /** From this size on a chunk may end early, if its tiles already share blocks well. */
    private static final int LARGE_CHUNK_FLOATS = 4 << 20;
    private static final int GOOD_SHARING = 4;
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
        int enough = Math.max(LEAST_ENTRIES, (lists.to(head, end - 1) - lists.from(head, tile)) / CHUNKS);
        while (tile < end) {
            int[] blockAt = new int[grid.firstBlock(document + 1) - grid.firstBlock(document)];
            Arrays.fill(blockAt, -1);
            int first = tile;
            int floats = 0;
            int distinct = 0;
            int entries = 0;
            while (tile < end && entries < enough && !isLarge(floats, entries, distinct)) {
                for (int i = lists.from(head, tile); i < lists.to(head, tile); i++) {
                    if (blockAt[lists.block(i)] < 0) {
                        blockAt[lists.block(i)] = floats;
                        floats = Math.addExact(floats, blockFloats(grid.firstBlock(document) + lists.block(i)));
                        distinct++;
                    }
                }
                entries += lists.to(head, tile) - lists.from(head, tile);
                chunkOfTile[(head - firstHead) * grid.numTiles() + tile] = chunks.size();
                tile++;
            }
            chunks.add(new Chunk(head, first, tile, blockAt, floats));
        }
    }

    private static boolean isLarge(int floats, int entries, int distinct) {
        return floats >= LARGE_CHUNK_FLOATS && entries / GOOD_SHARING >= distinct;
    }

    /** Floats of a block's sums, dK and dV. */
    private int blockFloats(int block) {
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
        private final int endTile;
        private final int[] blockAt;
        private final int floats;

        private Chunk(int kvHead, int firstTile, int endTile, int[] blockAt, int floats) {
            this.kvHead = kvHead;
            this.firstTile = firstTile;
            this.endTile = endTile;
            this.blockAt = blockAt;
            this.floats = floats;
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
