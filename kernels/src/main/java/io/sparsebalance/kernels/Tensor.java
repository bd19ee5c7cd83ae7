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

    /** Whether {@link #segment()} works: the JVM reads and writes this memory itself. */
    boolean isAddressable();

    /**
     * The elements, addressable by the JVM: for CPU tensors the memory itself. The in-process collective reduces here.
     *
     * @throws UnsupportedOperationException if the memory is not addressable by the JVM; use {@link #upload} and
     *             {@link #download}
     */
    MemorySegment segment();

    /**
     * Copies {@code source} over all elements, after the work given to the device so far. On return the source may change.
     *
     * @param source as many bytes as this tensor has; native memory, or the array of this type
     * @throws IllegalArgumentException if the sizes differ
     */
    void upload(MemorySegment source);

    /**
     * Copies all elements to {@code target}, after the work given to the device so far has run.
     *
     * @param target as many bytes as this tensor has
     * @throws IllegalArgumentException if the sizes differ
     */
    void download(MemorySegment target);

    /** A view of {@code size} elements from {@code offset} (in elements) with another shape; valid while this is open. */
    Tensor view(long offset, long... shape);

    @Override
    void close();
}
