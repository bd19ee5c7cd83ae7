package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Kernels by wgmma and the tensor copy engine, for compute capability 9.0. */
final class HopperAttention implements AttentionFamily {
    private static final int PANEL_COLUMNS = 64;
    /** Of shared memory, so that tiles can start at a multiple of it. */
    private static final int ALIGNMENT_BYTES = 1024;
    private static final int BARRIER_BYTES = 128;
    private static final int STAGES = 2;
    /** Of the keys' gradients: statistics and position that go with a stage of query rows. */
    private static final int NOTE_BYTES = NARROW_ROWS * 8 + 16;

    private final AttentionShape shape;
    private final int warpgroups;
    private final int keys;
    private final int keyWarpgroups;
    private final CudaKernel forward;
    private final CudaKernel keyGradients;
    private final CudaKernel allGradients;
    private final CudaKernel queryGradients;

    HopperAttention(CudaModules modules, AttentionShape shape) {
        this.shape = shape;
        boolean wide = AttentionFamily.isWide(shape);
        boolean narrowBlock = shape.block() == NARROW_KEYS;
        warpgroups = wide ? 2 : 1;
        keys = wide && !narrowBlock ? 2 * NARROW_KEYS : NARROW_KEYS;
        keyWarpgroups = narrowBlock ? 1 : 2;
        String variant = "_sm90_d" + shape.headSize() + "_w" + warpgroups + "_k" + keys;
        forward = modules.kernel("attention_forward_sm90", "attention_forward" + variant);
        String keyVariant = "_sm90_d" + shape.headSize() + "_w" + keyWarpgroups;
        keyGradients = modules.kernel("attention_key_gradients_sm90", "attention_key_gradients" + keyVariant);
        allGradients = modules.kernel("attention_key_gradients_sm90", "attention_all_gradients" + keyVariant);
        queryGradients = modules.kernel("attention_query_gradients_sm90", "attention_query_gradients" + variant);
    }

    @Override
    public void forward(CudaStream stream, CudaBlockLists lists, Inputs in, CudaTensor out, CudaTensor logSumExp) {
        AttentionArguments arguments = arguments(lists);
        int shared = ALIGNMENT_BYTES + BARRIER_BYTES
                + AttentionFamily.rowBytes(shape, warpgroups * NARROW_ROWS + 2 * STAGES * keys);
        try (Arena arena = Arena.ofConfined()) {
            forward.launch(stream, lists.grid().grid().numTiles() * arguments.subTiles(), shape.kvHeads(), 1,
                    threads(warpgroups), shared, queryRows(arena, in.q(), arguments), keyRows(arena, in.k(), keys),
                    keyRows(arena, in.v(), keys), out, logSumExp, lists.grid().tiles(), lists.listStart(),
                    lists.lists(), lists.grid().order(), arguments.memory());
        }
    }

    @Override
    public void keyGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk,
            CudaTensor dv, long partials) {
        launch(keyGradients, 0, stream, lists, in, of, dk, dv, partials, 0);
    }

    @Override
    public boolean addsQueryGradients() {
        return true;
    }

    @Override
    public void allGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk,
            CudaTensor dv, long partials, long querySums) {
        int sumBytes = 2 * blockKeys() * PANEL_COLUMNS * Short.BYTES
                + keyWarpgroups * NARROW_ROWS * PANEL_COLUMNS * Float.BYTES;
        launch(allGradients, sumBytes, stream, lists, in, of, dk, dv, partials, querySums);
    }

    private int blockKeys() {
        return keyWarpgroups * NARROW_KEYS;
    }

    private void launch(CudaKernel kernel, int moreBytes, CudaStream stream, CudaBlockLists lists, Inputs in,
            Gradients of, CudaTensor dk, CudaTensor dv, long partials, long querySums) {
        int blockKeys = blockKeys();
        int stages = keyWarpgroups == 1 ? 2 : 3;
        int shared = ALIGNMENT_BYTES + BARRIER_BYTES + NARROW_ROWS * Integer.BYTES + stages * NOTE_BYTES + moreBytes
                + AttentionFamily.rowBytes(shape, 2 * blockKeys + 2 * stages * NARROW_ROWS);
        try (Arena arena = Arena.ofConfined()) {
            kernel.launch(stream, lists.mostItems(), shape.block() / blockKeys, 1, threads(keyWarpgroups), shared,
                    queryRows(arena, in.q(), lists.narrow()), queryRows(arena, of.dOut(), lists.narrow()),
                    keyRows(arena, in.k(), blockKeys), keyRows(arena, in.v(), blockKeys), of.statistics(), dk, dv,
                    partials, querySums, lists.grid().tiles(), lists.grid().blocks(), lists.entries(), lists.items(),
                    lists.numItems(), lists.narrow().memory());
        }
    }

    @Override
    public void queryGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dq) {
        AttentionArguments arguments = arguments(lists);
        int shared = ALIGNMENT_BYTES + BARRIER_BYTES
                + AttentionFamily.rowBytes(shape, 2 * warpgroups * NARROW_ROWS + 2 * STAGES * keys);
        try (Arena arena = Arena.ofConfined()) {
            queryGradients.launch(stream, lists.grid().grid().numTiles() * arguments.subTiles(), shape.kvHeads(), 1,
                    threads(warpgroups), shared, queryRows(arena, in.q(), arguments),
                    queryRows(arena, of.dOut(), arguments), keyRows(arena, in.k(), keys),
                    keyRows(arena, in.v(), keys), of.statistics(), dq, lists.grid().tiles(), lists.listStart(),
                    lists.lists(), lists.grid().order(), arguments.memory());
        }
    }

    private AttentionArguments arguments(CudaBlockLists lists) {
        return warpgroups == 2 ? lists.wide() : lists.narrow();
    }

    /** One warpgroup more than multiply: it copies. */
    private static int threads(int warpgroups) {
        return (warpgroups + 1) * WARPGROUP;
    }

    private MemorySegment queryRows(Arena arena, CudaTensor tensor, AttentionArguments arguments) {
        return TensorMaps.bf16(arena, tensor, dimensions(tensor, shape.heads()),
                new int[]{PANEL_COLUMNS, shape.groupSize(), arguments.tileTokens()});
    }

    private MemorySegment keyRows(Arena arena, CudaTensor tensor, int rows) {
        return TensorMaps.bf16(arena, tensor, dimensions(tensor, shape.kvHeads()), new int[]{PANEL_COLUMNS, 1, rows});
    }

    private long[] dimensions(CudaTensor tensor, int heads) {
        return new long[]{shape.headSize(), heads, tensor.size() / shape.headSize() / heads};
    }
}
