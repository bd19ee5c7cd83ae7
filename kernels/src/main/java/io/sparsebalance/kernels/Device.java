package io.sparsebalance.kernels;

/**
 * One compute device: native memory and the operations of the decoder.
 *
 * <p>A device is owned by one thread, the device thread of its rank; every method and every operation obtained from it
 * is called on that thread, except {@link #memory()}, which any thread may call. Inside an operation a device may use
 * more threads, never more than it was configured for.
 */
public interface Device extends AutoCloseable {
    /** The kind as written in the configuration: {@code cpu}, {@code cuda}. */
    String kind();

    /** One line for people: model, vector width, threads, libraries in use. */
    String description();

    /**
     * Allocates a zeroed tensor. The caller closes it.
     *
     * @throws DeviceMemoryException if the memory is not there; says how much was asked for and how much is in use
     */
    Tensor allocate(DType type, long... shape);

    /**
     * Allocates an addressable tensor for transfers: page-locked memory of the host where the device has its own.
     *
     * @throws DeviceMemoryException if the memory is not there
     */
    Tensor allocateHost(DType type, long... shape);

    /**
     * Element type of activations and of the matrices that products read. Where it is not F32, the engine keeps F32 masters
     * of the weights, and gradients of weights, norms' statistics and losses stay F32 or F64.
     */
    DType computeType();

    /** Bytes that temporary results of one operation should stay below, where a larger one could be cut into pieces. */
    long chunkBytes();

    /**
     * Whether the device works on its own while its thread waits, and loads code and makes choices when an operation is first
     * used: its time is that of the wall clock, and it is measured after a warm-up only.
     */
    boolean isAccelerator();

    /**
     * Whether the devices of all ranks of this process lie in one memory, so that operations of each take the others' tensors.
     */
    boolean ranksShareMemory();

    /**
     * Connects this device with those of other ranks, wherever their processes run.
     *
     * @throws UnsupportedOperationException if the kind knows no such way
     * @throws IllegalStateException if a library is missing; says which and how to get it
     */
    default DeviceLinks links() {
        throw new UnsupportedOperationException("devices of kind " + kind() + " add up over the host");
    }

    /** The device's own stream. */
    Stream stream();

    /** Dense operations, forward and backward. */
    Ops ops();

    /** Sparse attention kernels for one shape; cheap to call, may be kept. */
    SparseAttention attention(AttentionShape shape);

    /** Bytes and tensors in use now, and the highest so far. */
    MemoryStatistics memory();

    /** Frees what the device holds. Tensors still open are counted as leaked, logged, and freed. */
    @Override
    void close();
}
