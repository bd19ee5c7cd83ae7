package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.MemorySegment;

/**
 * Adds the chunks' sums of one block's dK and dV to the tensors, in chunk order, along the block's inverse list. Scratch
 * of one worker.
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
                int from = wave.at(chunk) + plan.chunk(chunk).blockAt(documentBlock);
                if (last < 0) {
                    System.arraycopy(sums, from, total, 0, size);
                } else {
                    add(sums, from, size);
                }
                last = chunk;
            }
        }
        if (last >= 0) {
            addTo(dk, grid, kvHead, block, 0, (float) (1 / Math.sqrt(shape.headSize())));
            addTo(dv, grid, kvHead, block, size / 2, 1f);
        }
    }

    private void add(float[] sums, int from, int size) {
        for (int i = 0; i < size; i++) {
            total[i] += sums[from + i];
        }
    }

    private void addTo(MemorySegment gradient, TileGrid grid, int kvHead, int block, int totalAt, float scale) {
        for (int key = 0; key < grid.blockTokens(block); key++) {
            long at = TokenRows.offset(grid.blockToken(block) + key, shape.kvHeads(), kvHead, shape.headSize());
            TokenRows.read(gradient, at, row, 0, shape.headSize());
            TokenRows.addPanelsToRow(total, totalAt, grid.paddedBlockTokens(block), key, scale, row, shape.headSize());
            TokenRows.write(row, 0, gradient, at, shape.headSize());
        }
    }
}
