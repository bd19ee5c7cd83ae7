package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;

/**
 * Adds the chunks' sums of one block's dK and dV to the tensors, one after another in chunk order, along the block's inverse
 * list. What the tensors hold counts as the sum so far, so bits do not depend on where a wave ends. Scratch of one worker.
 */
final class KeyGradientReduction {
    private final AttentionShape shape;
    private final int paddedHeadSize;
    private final float[] total;
    private final float[] row;

    KeyGradientReduction(AttentionShape shape) {
        this.shape = shape;
        this.paddedHeadSize = Lanes.numPanels(shape.headSize()) * Lanes.PANEL;
        this.total = new float[2 * shape.block() * paddedHeadSize];
        this.row = new float[shape.headSize()];
    }

    /**
     * Adds the sums of a wave for one block.
     *
     * @param sums the wave's space
     * @param block block of the grid
     * @param dk {@code [T,J,D]}, added to at the block's keys; likewise {@code dv}
     */
    void run(CpuBlockLists lists, BackwardPlan plan, BackwardPlan.Wave wave, float[] sums, int kvHead, int block,
            MemorySegment dk, MemorySegment dv) {
        TileGrid grid = lists.grid();
        CpuBlockLists.BlockTiles inverse = lists.inverse();
        int documentBlock = block - grid.firstBlock(grid.documentOfBlock(block));
        int size = 2 * grid.paddedBlockTokens(block) * paddedHeadSize;
        int last = -1;
        for (int i = inverse.from(kvHead, block); i < inverse.to(kvHead, block); i++) {
            int chunk = plan.chunkOf(kvHead, inverse.tile(i));
            if (chunk != last && chunk >= wave.first() && chunk < wave.end()) {
                if (last < 0) {
                    load(dk, grid, kvHead, block, 0);
                    load(dv, grid, kvHead, block, size / 2);
                }
                add(sums, wave.at(chunk) + plan.chunk(chunk).blockAt(documentBlock), size);
                last = chunk;
            }
        }
        if (last >= 0) {
            store(dk, grid, kvHead, block, 0);
            store(dv, grid, kvHead, block, size / 2);
        }
    }

    private void add(float[] sums, int from, int size) {
        for (int i = 0; i < size; i++) {
            total[i] += sums[from + i];
        }
    }

    private void load(MemorySegment gradient, TileGrid grid, int kvHead, int block, int totalAt) {
        int keys = grid.paddedBlockTokens(block);
        for (int key = 0; key < grid.blockTokens(block); key++) {
            long at = TokenRows.offset(grid.blockToken(block) + key, shape.kvHeads(), kvHead, shape.headSize());
            TokenRows.read(gradient, at, row, 0, shape.headSize());
            TokenRows.rowToPanels(row, shape.headSize(), total, totalAt, keys, key);
        }
    }

    private void store(MemorySegment gradient, TileGrid grid, int kvHead, int block, int totalAt) {
        int keys = grid.paddedBlockTokens(block);
        for (int key = 0; key < grid.blockTokens(block); key++) {
            long at = TokenRows.offset(grid.blockToken(block) + key, shape.kvHeads(), kvHead, shape.headSize());
            TokenRows.panelsToRow(total, totalAt, keys, key, row, shape.headSize());
            TokenRows.write(row, 0, gradient, at, shape.headSize());
        }
    }
}
