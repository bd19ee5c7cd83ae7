package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The rows of one query tile and key/value head: tokens x G heads that share a list, token by token, in panels. Scratch of
 * one worker. Rows that fill the last panel up stand for the tile's last token, so that they are never fully masked; what
 * is computed for them is thrown away.
 */
final class TileRows {
    private final AttentionShape shape;
    /** Positions of the rows' tokens, counted from the tile's first token. */
    private final float[] positions;
    private TileGrid grid;
    private int tile;
    private int kvHead;
    private int numRows;

    TileRows(AttentionShape shape) {
        this.shape = shape;
        this.positions = new float[maxPanels(shape) * PANEL];
    }

    /** Panels of the largest tile. */
    static int maxPanels(AttentionShape shape) {
        return Lanes.numPanels(shape.queryTile() * shape.groupSize());
    }

    /** Moves to a tile. */
    void set(TileGrid grid, int tile, int kvHead) {
        this.grid = grid;
        this.tile = tile;
        this.kvHead = kvHead;
        this.numRows = grid.tileTokens(tile) * shape.groupSize();
        for (int r = 0; r < numPanels() * PANEL; r++) {
            positions[r] = token(r);
        }
    }

    int tile() {
        return tile;
    }

    int kvHead() {
        return kvHead;
    }

    /** Rows: tokens x G. */
    int numRows() {
        return numRows;
    }

    int numPanels() {
        return Lanes.numPanels(numRows);
    }

    /** Positions of the rows' tokens, counted from the tile's first token. */
    float[] positions() {
        return positions;
    }

    /** Reads the rows of a tensor {@code [T,H,D]} to {@code [rows][D]}, and zeros for rows that fill the last panel up. */
    void read(MemorySegment x, float[] to) {
        int length = shape.groupSize() * shape.headSize();
        for (int i = 0; i < grid.tileTokens(tile); i++) {
            TokenRows.read(x, offset(i * shape.groupSize()), to, i * length, length);
        }
        Arrays.fill(to, numRows * shape.headSize(), numPanels() * PANEL * shape.headSize(), 0f);
    }

    /** Element where a row begins in a tensor {@code [T,H,D]}. */
    long offset(int row) {
        return TokenRows.offset(grid.tileToken(tile) + row / shape.groupSize(), shape.heads(), head(row),
                shape.headSize());
    }

    /** Element of a row in a tensor {@code [H,T]}. */
    long statisticsOffset(int row) {
        return (long) head(row) * grid.documents().numTokens() + grid.tileToken(tile) + row / shape.groupSize();
    }

    private int head(int row) {
        return kvHead * shape.groupSize() + row % shape.groupSize();
    }

    private int token(int row) {
        return Math.min(row, numRows - 1) / shape.groupSize();
    }

    /** A block of the grid from its number in the tile's document. */
    int gridBlock(int documentBlock) {
        return grid.firstBlock(grid.documentOfTile(tile)) + documentBlock;
    }

    /** A block's first key, counted from the tile's first token: negative for blocks before the tile. */
    int firstKey(int documentBlock) {
        return documentBlock * grid.blockSize() - grid.tileStart(tile);
    }

    /** Keys of a block, in whole strips, that some row of a panel may see; 0 or less if none. */
    int visibleKeys(int panel, int documentBlock) {
        int untilLastRow = token((panel + 1) * PANEL - 1) - firstKey(documentBlock) + 1;
        return untilLastRow <= 0
                ? 0
                : Lanes.roundUpToStrip(Math.min(grid.blockTokens(gridBlock(documentBlock)), untilLastRow));
    }

    /** Whether some row of a panel may not see all of a block's first {@code keys} keys. */
    boolean needsMask(int panel, int documentBlock, int keys) {
        return firstKey(documentBlock) + keys - 1 > token(panel * PANEL);
    }
}
