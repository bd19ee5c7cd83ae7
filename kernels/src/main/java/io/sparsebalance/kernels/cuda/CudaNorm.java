package io.sparsebalance.kernels.cuda;

/** RMSNorm by the kernels of {@code norm.cu}. */
final class CudaNorm {
    private static final int THREADS = 256;
    private static final int WARP = 32;
    private static final int VECTOR = 4;
    /** Rows up to this wide belong to one warp. */
    private static final int WARP_COLUMNS = 512;
    private static final int MAX_VECTORS = 8;
    /** Blocks of the backward on one multiprocessor; each writes a partial sum of the weight's gradient. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 6;

    private final CudaDevice device;
    private final Scratch scratch;

    CudaNorm(CudaDevice device, Scratch scratch) {
        this.device = device;
        this.scratch = scratch;
    }

    void forward(CudaStream stream, CudaTensor x, CudaTensor weight, float epsilon, CudaTensor y, CudaTensor rstd) {
        int columns = Math.toIntExact(weight.size());
        long rows = rstd.size();
        if (rows == 0) {
            return;
        }
        int grid = Math.toIntExact(Math.min(Math.ceilDiv(rows, rowsPerBlock(columns)), Integer.MAX_VALUE));
        kernel("rms_norm", columns).launch(stream, grid, 1, 1, THREADS, 0, x, weight, epsilon, y, rstd, rows, columns);
    }

    void backward(CudaStream stream, CudaTensor dy, CudaTensor x, CudaTensor weight, CudaTensor rstd, CudaTensor dxSum,
            CudaTensor dWeight) {
        int columns = Math.toIntExact(weight.size());
        long rows = rstd.size();
        if (rows == 0) {
            return;
        }
        int most = device.context().properties().numMultiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
        int grid = (int) Math.min(Math.ceilDiv(rows, rowsPerBlock(columns)), most);
        CudaTensor partial = scratch.bytes((long) grid * columns * Float.BYTES);
        kernel("rms_norm_backward", columns).launch(stream, grid, 1, 1, THREADS, columns * Float.BYTES, dy, x, weight,
                rstd, dxSum, partial, rows, columns);
        weightGradient(stream, partial, grid, dWeight);
    }

    /** {@code dWeight[C] +=} the sum of {@code numPartials} rows of C, in their order. */
    void weightGradient(CudaStream stream, CudaTensor partial, int numPartials, CudaTensor dWeight) {
        int columns = Math.toIntExact(dWeight.size());
        String function = "rms_norm_weight_gradient_" + CudaElements.suffix(dWeight);
        device.modules().kernel("norm", function).launch(stream, Math.ceilDiv(columns, WARP), 1, 1, THREADS, 0, partial,
                numPartials, dWeight, columns);
    }

    private static int group(int columns) {
        return columns <= WARP_COLUMNS ? WARP : THREADS;
    }

    private static long rowsPerBlock(int columns) {
        return THREADS / group(columns);
    }

    private CudaKernel kernel(String function, int columns) {
        int group = group(columns);
        int vectors = 1;
        while (vectors * group * VECTOR < columns) {
            vectors *= 2;
        }
        CudaChecks.that(columns % VECTOR == 0 && vectors <= MAX_VECTORS, "rmsNorm", "rows of " + columns
                + " columns must be a multiple of " + VECTOR + ", at most " + THREADS * VECTOR * MAX_VECTORS);
        return device.modules().kernel("norm", function + "_g" + group + "_v" + vectors);
    }
}
