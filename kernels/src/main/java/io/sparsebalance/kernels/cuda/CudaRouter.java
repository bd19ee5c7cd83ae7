package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import java.lang.foreign.Arena;

/**
 * Picks the blocks that query tiles keep, and inverts the lists, by the kernels of {@code attention_router.cu} and
 * {@code attention_lists.cu}: launches only, nothing is waited for.
 */
final class CudaRouter implements AutoCloseable {
    private static final int POOL_THREADS = 256;
    private static final int SELECT_THREADS = 256;
    private static final int PLAN_THREADS = 1024;
    private static final int INVERSE_THREADS = 256;
    private static final int COVERAGE_THREADS = 256;
    /** Blocks that a thread block of the inverse takes, one to a warp. */
    private static final int INVERSE_BLOCKS = 8;
    /** Tiles that a thread block scores together, at most: one to a warp. */
    private static final int SELECT_TILES = 8;
    /** Shared memory for scores of several tiles, so that two thread blocks fit. */
    private static final int SCORE_BYTES = 96 << 10;
    /** What the router needs besides scores. */
    private static final int RESERVED_BYTES = 8 << 10;

    private final CudaDevice device;
    private final AttentionShape shape;
    private final Scratch scratch;
    private final CudaKernel poolQueries;
    private final CudaKernel poolKeys;
    private final CudaKernel select;
    private final CudaKernel meanCoverage;
    private final CudaKernel listStarts;
    private final CudaKernel inverseCount;
    private final CudaKernel inversePlan;
    private final CudaKernel inverseScatter;

    CudaRouter(CudaDevice device, AttentionShape shape) {
        this.device = device;
        this.shape = shape;
        scratch = new Scratch(device);
        CudaModules modules = device.modules();
        String size = "_d" + shape.headSize();
        poolQueries = modules.kernel("attention_router", "attention_pool_queries" + size);
        poolKeys = modules.kernel("attention_router", "attention_pool_keys" + size);
        select = modules.kernel("attention_router", "attention_select" + size);
        meanCoverage = modules.kernel("attention_router", "attention_coverage");
        listStarts = modules.kernel("attention_lists", "attention_list_starts");
        inverseCount = modules.kernel("attention_lists", "attention_inverse_count");
        inversePlan = modules.kernel("attention_lists", "attention_inverse_plan");
        inverseScatter = modules.kernel("attention_lists", "attention_inverse_scatter");
    }

    /** Fills the lists. {@code q} is {@code [T,H,D]}, {@code k} is {@code [T,J,D]}. */
    void route(CudaStream stream, CudaTensor q, CudaTensor k, CudaBlockLists lists, int[] coverageBudgets) {
        AttentionGrid grid = lists.grid().grid();
        long kvHeads = shape.kvHeads();
        ScratchPlan plan = new ScratchPlan();
        long bits = plan.add(kvHeads * grid.words() * grid.numTiles() * DType.I32.bytes());
        long counts = plan.add((long) lists.numRows() * DType.I32.bytes());
        long starts = plan.add((lists.numRows() + 1L) * DType.I32.bytes());
        long queries = plan.add(kvHeads * grid.numTiles() * shape.headSize() * DType.F32.bytes());
        long keys = plan.add(kvHeads * grid.numBlocks() * shape.headSize() * DType.F32.bytes());
        long coverage = plan.add(kvHeads * grid.numTiles() * coverageBudgets.length * DType.F32.bytes());
        long base = scratch.bytes(plan.bytes()).address();
        select(stream, q, k, lists, coverageBudgets, base + bits, base + queries, base + keys, base + coverage);
        invert(stream, lists, base + bits, base + counts, base + starts);
    }

    private void select(CudaStream stream, CudaTensor q, CudaTensor k, CudaBlockLists lists, int[] coverageBudgets,
            long bits, long queries, long keys, long coverage) {
        DeviceGrid grid = lists.grid();
        int tiles = grid.grid().numTiles();
        int kvHeads = shape.kvHeads();
        Object arguments = lists.narrow().memory();
        int most = grid.grid().mostCausalBlocks();
        int tilesPerBlock = tilesPerThreadBlock(most, device.context().properties().maxSharedBytes());
        listStarts.launch(stream, 1, 1, 1, PLAN_THREADS, 0, grid.tiles(), lists.listStart(), lists.budget(),
                shape.sinkBlocks(), shape.localBlocks(), arguments);
        poolQueries.launch(stream, tiles, kvHeads, 1, POOL_THREADS, 0, q, grid.tiles(), queries, arguments);
        poolKeys.launch(stream, grid.grid().numBlocks(), kvHeads, 1, POOL_THREADS, 0, k, grid.blocks(), keys,
                arguments);
        try (Arena arena = Arena.ofConfined()) {
            select.launch(stream, Math.ceilDiv(tiles, tilesPerBlock), kvHeads, 1, SELECT_THREADS,
                    tilesPerBlock * most * Integer.BYTES, queries, keys, grid.tiles(), lists.listStart(),
                    lists.lists(), bits, coverage, CoverageBudgets.of(arena, coverageBudgets), shape.sinkBlocks(),
                    shape.localBlocks(), tilesPerBlock, grid.grid().words(), arguments);
        }
        if (coverageBudgets.length > 0) {
            meanCoverage.launch(stream, coverageBudgets.length, 1, 1, COVERAGE_THREADS, 0, coverage,
                    lists.coverageAddress(), Math.multiplyExact(kvHeads, tiles));
        }
    }

    private void invert(CudaStream stream, CudaBlockLists lists, long bits, long counts, long starts) {
        DeviceGrid grid = lists.grid();
        Object arguments = lists.narrow().memory();
        int threadBlocks = Math.ceilDiv(grid.grid().numBlocks(), INVERSE_BLOCKS);
        inverseCount.launch(stream, threadBlocks, shape.kvHeads(), 1, INVERSE_THREADS, 0, bits, grid.blocks(), counts,
                grid.grid().words(), shape.queryTile(), arguments);
        inversePlan.launch(stream, 1, 1, 1, PLAN_THREADS, 0, counts, starts, lists.slots(), lists.items(),
                lists.numItems(), lists.numRows(), lists.longestItem());
        inverseScatter.launch(stream, threadBlocks, shape.kvHeads(), 1, INVERSE_THREADS, 0, bits, grid.blocks(),
                starts, lists.entries(), grid.grid().words(), shape.queryTile(), arguments);
    }

    /**
     * Tiles whose scores a thread block holds.
     *
     * @throws IllegalArgumentException if not even one tile's scores fit
     */
    static int tilesPerThreadBlock(int mostCausalBlocks, int maxSharedBytes) {
        long bytes = (long) mostCausalBlocks * Integer.BYTES;
        CudaChecks.that(bytes <= maxSharedBytes - RESERVED_BYTES, "route", "a document of " + mostCausalBlocks
                + " blocks has more than the router can hold in the " + maxSharedBytes
                + " bytes of shared memory; use a larger attention.block");
        return Math.clamp(SCORE_BYTES / bytes, 1, SELECT_TILES);
    }

    @Override
    public void close() {
        scratch.close();
    }
}
