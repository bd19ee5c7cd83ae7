package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;

/** Kernels by mma.sync and cp.async, for compute capability 8.0 and later. */
final class MmaAttention implements AttentionFamily {
    private static final int WARP = 32;
    private static final int FORWARD_THREADS = 128;
    private static final int ROWS_OF_A_WARP = 16;
    /** Of shared memory, so that tiles can start at a multiple of it. */
    private static final int ALIGNMENT_BYTES = 128;
    private static final int STAGES = 2;

    private final AttentionShape shape;
    private final boolean wide;
    private final int rows;
    private final int keys;
    private final CudaKernel forward;
    private final CudaKernel keyGradients;
    private final CudaKernel queryGradients;

    MmaAttention(CudaModules modules, AttentionShape shape) {
        this.shape = shape;
        wide = AttentionFamily.isWide(shape);
        rows = wide ? WIDE_ROWS : NARROW_ROWS;
        keys = Math.min(shape.block(), 2 * NARROW_KEYS);
        String size = "_d" + shape.headSize();
        forward = modules.kernel("attention_forward", "attention_forward" + size + "_m" + rows / NARROW_ROWS);
        keyGradients = modules.kernel("attention_key_gradients",
                "attention_key_gradients" + size + "_w" + keys / ROWS_OF_A_WARP);
        queryGradients = modules.kernel("attention_query_gradients",
                "attention_query_gradients" + size + "_w" + rows / ROWS_OF_A_WARP);
    }

    @Override
    public void forward(CudaStream stream, CudaBlockLists lists, Inputs in, CudaTensor out, CudaTensor logSumExp) {
        AttentionArguments arguments = arguments(lists);
        int shared = ALIGNMENT_BYTES + AttentionFamily.rowBytes(shape, rows + 2 * STAGES * NARROW_KEYS);
        forward.launch(stream, lists.grid().grid().numTiles() * arguments.subTiles(), shape.kvHeads(), 1,
                FORWARD_THREADS, shared, in.q(), in.k(), in.v(), out, logSumExp, lists.grid().tiles(),
                lists.listStart(), lists.lists(), lists.grid().order(), arguments.memory());
    }

    @Override
    public void keyGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk,
            CudaTensor dv, long partials) {
        int shared = ALIGNMENT_BYTES + AttentionFamily.rowBytes(shape, 2 * keys + 2 * STAGES * NARROW_ROWS);
        keyGradients.launch(stream, lists.mostItems(), shape.block() / keys, 1, keys / ROWS_OF_A_WARP * WARP, shared,
                in.q(), of.dOut(), in.k(), in.v(), of.statistics(), dk, dv, partials, lists.grid().tiles(),
                lists.grid().blocks(), lists.entries(), lists.items(), lists.numItems(), lists.narrow().memory());
    }

    @Override
    public boolean addsQueryGradients() {
        return false;
    }

    @Override
    public void allGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk,
            CudaTensor dv, long partials, long querySums) {
        throw new UnsupportedOperationException("gradients of queries have a kernel of their own here");
    }

    @Override
    public void queryGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dq) {
        AttentionArguments arguments = arguments(lists);
        int shared = ALIGNMENT_BYTES + AttentionFamily.rowBytes(shape, 2 * rows + 2 * STAGES * NARROW_KEYS);
        queryGradients.launch(stream, lists.grid().grid().numTiles() * arguments.subTiles(), shape.kvHeads(), 1,
                rows / ROWS_OF_A_WARP * WARP, shared, in.q(), of.dOut(), in.k(), in.v(), of.statistics(), dq,
                lists.grid().tiles(), lists.listStart(), lists.lists(), lists.grid().order(), arguments.memory());
    }

    private AttentionArguments arguments(CudaBlockLists lists) {
        return wide ? lists.wide() : lists.narrow();
    }
}
