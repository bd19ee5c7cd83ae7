package io.sparsebalance.kernels;

import java.lang.foreign.MemorySegment;

/**
 * A dense, row-major array in a device's memory. Closing releases the memory at once; a view does not own memory, and
 * closing it does nothing. Use after close fails with {@link IllegalStateException}.
 */
public interface Tensor extends AutoCloseable {
    /** Element type. */
    DType type();

    /** Dimensions, outermost first; a copy. */
    long[] shape();

    /** Number of elements. */
    long size();

    /** Bytes of all elements. */
    default long bytes() {
        return size() * type().bytes();
    }

    /**
     * The elements, addressable by the JVM: for CPU tensors the memory itself. The rank's device thread writes tokens and
     * reads sums here, and the in-process collective reduces here.
     *
     * @throws UnsupportedOperationException if the memory is not addressable by the JVM
     */
    MemorySegment segment();

    /** A view of {@code size} elements from {@code offset} (in elements) with another shape; valid while this is open. */
    Tensor view(long offset, long... shape);

    @Override
    void close();
}
