package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;

/**
 * The kernels that multiply: forward, and the two halves of the backward. All families work on the same lists and give the same
 * results up to rounding. Which one a device uses is decided in {@link #of}, and nowhere else.
 */
sealed interface AttentionFamily permits MmaAttention, HopperAttention {
    /** (token, head) rows that a thread block takes where tiles are small, and a stage of the keys' gradients. */
    int NARROW_ROWS = 64;
    /** Rows that a thread block takes else. */
    int WIDE_ROWS = 128;
    /** Smallest compute capability with bf16 products and asynchronous copies. */
    int AMPERE = 80;
    /** The only one with wgmma. */
    int HOPPER = 90;
    /** Threads of a warpgroup. */
    int WARPGROUP = 128;
    /** Keys that a thread block takes at a time, the least. */
    int NARROW_KEYS = 64;

    /** The fastest family of a device. */
    static AttentionFamily of(CudaDevice device, AttentionShape shape) {
        CudaContext.DeviceProperties gpu = device.context().properties();
        CudaChecks.that(gpu.computeCapability() >= AMPERE, "attention", "the GPU " + gpu.name()
                + " has compute capability " + gpu.computeCapability() + ", but 80 (Ampere) or later is needed");
        return gpu.computeCapability() == HOPPER
                ? new HopperAttention(device.modules(), shape)
                : new MmaAttention(device.modules(), shape);
    }

    /** Whether a tile has more rows than the narrow kernels take. */
    static boolean isWide(AttentionShape shape) {
        return shape.queryTile() * shape.groupSize() > NARROW_ROWS;
    }

    /** Bytes of rows of bf16. */
    static int rowBytes(AttentionShape shape, int rows) {
        return rows * shape.headSize() * Short.BYTES;
    }

    /** Writes {@code out[T,H,D]} and {@code logSumExp[H,T]}. */
    void forward(CudaStream stream, CudaBlockLists lists, Inputs in, CudaTensor out, CudaTensor logSumExp);

    /** Writes {@code dk} and {@code dv}, {@code [T,J,D]}; rows of the inverse that are cut go to {@code partials}. */
    void keyGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk, CudaTensor dv,
            long partials);

    /** Whether {@link #allGradients} is there. */
    boolean addsQueryGradients();

    /**
     * As {@link #keyGradients}, and adds gradients of queries to {@code querySums}, in whatever order.
     *
     * @param querySums address of {@code [J, runs, D/64, 8, 128, 4]} F32, a run being the rows of {@link CudaBlockLists#narrow};
     *            what {@code attention_query_rows} reads
     */
    void allGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dk, CudaTensor dv,
            long partials, long querySums);

    /** Writes {@code dq[T,H,D]}. */
    void queryGradients(CudaStream stream, CudaBlockLists lists, Inputs in, Gradients of, CudaTensor dq);

    /** {@code q[T,H,D]}, {@code k[T,J,D]}, {@code v[T,J,D]}. */
    record Inputs(CudaTensor q, CudaTensor k, CudaTensor v) {}

    /**
     * What the backward starts from.
     *
     * @param dOut {@code [T,H,D]}
     * @param statistics address of {@code [J,T,G]} pairs of log-sum-exp (times log2 e) and {@code sum(dOut * out)}
     */
    record Gradients(CudaTensor dOut, long statistics) {}
}
