package io.sparsebalance.kernels.cuda;

/** RMSNorm of heads and rotary embedding in one pass, by the kernels of {@code norm_rope.cu}. Used on the device thread. */
final class CudaNormRope {
    private static final int THREADS = 128;
    /** Blocks on one multiprocessor; each writes a partial sum of the weight's gradient. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 12;

    private final CudaDevice device;
    private final Scratch scratch;
    private final CudaTokenOps tokenOps;
    private final CudaNorm norm;

    /** @param tokenOps has the angles' frequencies */
    CudaNormRope(CudaDevice device, Scratch scratch, CudaTokenOps tokenOps, CudaNorm norm) {
        this.device = device;
        this.scratch = scratch;
        this.tokenOps = tokenOps;
        this.norm = norm;
    }

    /** Whether there are kernels for heads of this size; others take a norm and a rotation, one after the other. */
    static boolean canDo(long headSize) {
        return headSize == 64 || headSize == 128 || headSize == 256;
    }

    /** {@code x[T,H,D]}, {@code positions[T]}, {@code rstd[T*H]}. */
    void forward(CudaStream stream, CudaTensor x, CudaTensor weight, float epsilon, CudaTensor positions,
            double theta, CudaTensor y, CudaTensor rstd) {
        int headSize = Math.toIntExact(weight.size());
        if (x.size() > 0) {
            device.modules().kernel("norm_rope", "norm_rope_d" + headSize).launch(stream, grid(positions), 1, 1,
                    THREADS, 0, x, weight, epsilon, positions, tokenOps.frequencies(theta, headSize / 2), y, rstd,
                    Math.toIntExact(positions.size()), Math.toIntExact(x.dimension(1)));
        }
    }

    /** Writes {@code dx}, adds to {@code dWeight}. */
    void backward(CudaStream stream, CudaTensor dy, CudaTensor x, CudaTensor weight, CudaTensor rstd,
            CudaTensor positions, double theta, CudaTensor dx, CudaTensor dWeight) {
        int headSize = Math.toIntExact(weight.size());
        if (x.size() > 0) {
            int grid = grid(positions);
            CudaTensor partial = scratch.bytes((long) grid * headSize * Float.BYTES);
            device.modules().kernel("norm_rope", "norm_rope_backward_d" + headSize).launch(stream, grid, 1, 1,
                    THREADS, 0, dy, x, weight, rstd, positions, tokenOps.frequencies(theta, headSize / 2), dx,
                    partial, Math.toIntExact(positions.size()), Math.toIntExact(x.dimension(1)));
            norm.weightGradient(stream, partial, grid, dWeight);
        }
    }

    private int grid(CudaTensor positions) {
        int most = device.context().properties().numMultiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
        return (int) Math.min(positions.size(), most);
    }
}
