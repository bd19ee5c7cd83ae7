package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.ValueLayout;

/**
 * Where the router leaves coverage curves: page-locked host memory that the device writes, so that nobody waits until somebody
 * reads. The last {@value #CURVES} curves are kept. Used on the device thread.
 */
final class CoverageRing implements AutoCloseable {
    /** More than the layers of any micro-batch. */
    private static final int CURVES = 2048;

    private final PinnedTensor memory;
    private long numGiven;

    CoverageRing(CudaContext context) {
        memory = PinnedTensor.allocate(context, DType.F64, new long[]{CURVES, CoverageBudgets.MOST});
    }

    /** Takes the next place; returns its number. */
    long next() {
        return numGiven++;
    }

    /** Address of a place, for the device. */
    long address(long number) {
        return memory.segment().address() + offset(number) * Double.BYTES;
    }

    /** What stands at a place; the device's stream must have been waited for. */
    double[] read(long number, int size) {
        if (numGiven - number > CURVES) {
            throw new IllegalStateException("coverage of block lists was asked for after " + CURVES
                    + " more routes; ask when the micro-batch is done");
        }
        return memory.segment().asSlice(offset(number) * Double.BYTES, (long) size * Double.BYTES)
                .toArray(ValueLayout.JAVA_DOUBLE);
    }

    private static long offset(long number) {
        return number % CURVES * CoverageBudgets.MOST;
    }

    @Override
    public void close() {
        memory.close();
    }
}
