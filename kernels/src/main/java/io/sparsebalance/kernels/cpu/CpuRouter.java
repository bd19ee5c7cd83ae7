package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Picks the blocks that query tiles keep. Pools q over each tile's rows and its group's heads and k over each block's keys,
 * multiplies the two, and sorts: the work grows with tiles times blocks, never with tokens times tokens.
 *
 * <p>Blocks that are kept whatever their score (own, sink, local) stay even where they are more than the budget. A block's
 * mean is over all its keys in the document; for a tile's own blocks, whose score counts in the coverage only, that may
 * include keys after the tile's last row.
 */
final class CpuRouter {
    private final AttentionShape shape;
    private final TileGrid grid;
    private final Workers workers;
    private final int budget;
    private final int[] coverageBudgets;
    /** D in whole vectors. */
    private final int paddedSize;
    /** Mean q, {@code [tiles, J, padded D]}. */
    private final float[] pooledQueries;
    /** Mean k, {@code [blocks, J, padded D]}. */
    private final float[] pooledKeys;
    private final TileRanking[] rankings;

    CpuRouter(AttentionShape shape, Packing documents, Workers workers, int budget, int[] coverageBudgets) {
        this.shape = shape;
        this.grid = new TileGrid(documents, shape);
        this.workers = workers;
        this.budget = budget;
        this.coverageBudgets = coverageBudgets;
        this.paddedSize = Math.ceilDiv(shape.headSize(), Rows.LANES) * Rows.LANES;
        int kvSize = Math.multiplyExact(shape.kvHeads(), paddedSize);
        this.pooledQueries = new float[Math.multiplyExact(grid.numTiles(), kvSize)];
        this.pooledKeys = new float[Math.multiplyExact(grid.numBlocks(), kvSize)];
        this.rankings = new TileRanking[workers.numThreads()];
    }

    /** Makes the lists. {@code q} is {@code [T,H,D]}, {@code k} is {@code [T,J,D]}. */
    CpuBlockLists route(MemorySegment q, MemorySegment k) {
        workers.forEach(grid.numTiles(), (tile, worker) -> poolQueries(q, tile));
        workers.forEach(grid.numBlocks(), (block, worker) -> poolKeys(k, block));
        int[] starts = listStarts();
        int[] blocks = new int[starts[starts.length - 1]];
        double[] curves = new double[Math.multiplyExact(starts.length - 1, coverageBudgets.length)];
        int mostBlocks = mostCausalBlocks();
        workers.forEach(grid.numTiles(), (tile, worker) -> {
            if (rankings[worker] == null) {
                rankings[worker] = new TileRanking(mostBlocks);
            }
            for (int head = 0; head < shape.kvHeads(); head++) {
                rank(tile, head, rankings[worker], starts, blocks, curves);
            }
        });
        return new CpuBlockLists(shape, grid, budget, starts, blocks, mean(curves, starts.length - 1));
    }

    private int mostCausalBlocks() {
        int most = 0;
        for (int tile = 0; tile < grid.numTiles(); tile++) {
            most = Math.max(most, grid.numCausalBlocks(tile));
        }
        return most;
    }

    /** How long each list gets does not depend on the scores. */
    private int[] listStarts() {
        int tiles = grid.numTiles();
        int[] starts = new int[Math.multiplyExact(shape.kvHeads(), tiles) + 1];
        for (int head = 0; head < shape.kvHeads(); head++) {
            for (int tile = 0; tile < tiles; tile++) {
                int row = head * tiles + tile;
                starts[row + 1] = Math.addExact(starts[row], numKept(tile, budget));
            }
        }
        return starts;
    }

    private int numKept(int tile, int wanted) {
        return Math.min(grid.numCausalBlocks(tile), Math.max(wanted, numForced(tile)));
    }

    private int numForced(int tile) {
        int candidates = grid.firstOwnBlock(tile);
        long forced = (long) shape.sinkBlocks() + shape.localBlocks();
        return grid.numCausalBlocks(tile) - candidates + (int) Math.min(candidates, forced);
    }

    private boolean isForced(int tile, int block) {
        int candidates = grid.firstOwnBlock(tile);
        return block < shape.sinkBlocks() || block >= candidates - shape.localBlocks();
    }

    /** Token by token and head by head, as they lie in memory. */
    private void poolQueries(MemorySegment q, int tile) {
        int tokens = grid.tileTokens(tile);
        int to = tile * shape.kvHeads() * paddedSize;
        for (int i = 0; i < tokens; i++) {
            for (int h = 0; h < shape.heads(); h++) {
                long at = TokenRows.offset(grid.tileToken(tile) + i, shape.heads(), h, shape.headSize());
                addRow(q, at, pooledQueries, to + h / shape.groupSize() * paddedSize);
            }
        }
        divide(pooledQueries, to, tokens * shape.groupSize());
    }

    private void poolKeys(MemorySegment k, int block) {
        int tokens = grid.blockTokens(block);
        int to = block * shape.kvHeads() * paddedSize;
        for (int i = 0; i < tokens; i++) {
            for (int head = 0; head < shape.kvHeads(); head++) {
                long at = TokenRows.offset(grid.blockToken(block) + i, shape.kvHeads(), head, shape.headSize());
                addRow(k, at, pooledKeys, to + head * paddedSize);
            }
        }
        divide(pooledKeys, to, tokens);
    }

    private void addRow(MemorySegment x, long at, float[] sum, int to) {
        int whole = Rows.SPECIES.loopBound(shape.headSize());
        for (int d = 0; d < whole; d += Rows.LANES) {
            FloatVector.fromArray(Rows.SPECIES, sum, to + d).add(Rows.load(x, at + d)).intoArray(sum, to + d);
        }
        for (int d = whole; d < shape.headSize(); d++) {
            sum[to + d] += Rows.get(x, at + d);
        }
    }

    private void divide(float[] sum, int at, int count) {
        for (int d = 0; d < shape.kvHeads() * paddedSize; d++) {
            sum[at + d] /= count;
        }
    }

    private void rank(int tile, int head, TileRanking ranking, int[] starts, int[] blocks, double[] curves) {
        int row = head * grid.numTiles() + tile;
        int causal = grid.numCausalBlocks(tile);
        boolean dense = starts[row + 1] - starts[row] == causal;
        if (!dense || coverageBudgets.length > 0) {
            score(tile, head, ranking, causal);
            ranking.sort(block -> isForced(tile, block));
        }
        if (dense) {
            for (int block = 0; block < causal; block++) {
                blocks[starts[row] + block] = block;
            }
        } else {
            ranking.keep(blocks, starts[row], starts[row + 1]);
        }
        if (coverageBudgets.length > 0) {
            ranking.accumulate(shape.headSize());
            for (int i = 0; i < coverageBudgets.length; i++) {
                curves[row * coverageBudgets.length + i] = ranking.share(numKept(tile, coverageBudgets[i]));
            }
        }
    }

    private void score(int tile, int head, TileRanking ranking, int causal) {
        int firstBlock = grid.firstBlock(grid.documentOfTile(tile));
        int query = (tile * shape.kvHeads() + head) * paddedSize;
        ranking.start(causal);
        for (int block = 0; block < causal; block++) {
            int key = ((firstBlock + block) * shape.kvHeads() + head) * paddedSize;
            FloatVector sum = FloatVector.zero(Rows.SPECIES);
            for (int d = 0; d < paddedSize; d += Rows.LANES) {
                sum = FloatVector.fromArray(Rows.SPECIES, pooledQueries, query + d)
                        .fma(FloatVector.fromArray(Rows.SPECIES, pooledKeys, key + d), sum);
            }
            ranking.score(block, Rows.sum(sum));
        }
    }

    private double[] mean(double[] curves, int rows) {
        double[] mean = new double[coverageBudgets.length];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < mean.length; i++) {
                mean[i] += curves[row * mean.length + i];
            }
        }
        for (int i = 0; i < mean.length; i++) {
            mean[i] /= rows;
        }
        return mean;
    }
}
