package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.MemoryStatistics;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** The processor: matrix products by OpenBLAS, the rest by the Vector API, over a bounded number of threads. */
public final class CpuDevice implements Device {
    private static final AtomicInteger NUMBER = new AtomicInteger();
    private static final Stream IMMEDIATE = () -> {
        // Operations have run when they return.
    };

    /** Large enough for an efficient product, small beside the activations. */
    private static final long CHUNK_BYTES = 16L << 20;

    private final CpuMemory memory = new CpuMemory();
    private final WorkerPool workers;
    private final OpenBlas blas;
    private final CpuOps ops;
    private final Map<AttentionShape, SparseAttention> attentions = new HashMap<>();

    /**
     * Opens a device.
     *
     * @param numThreads threads that an operation may use, the calling one included; at least 1
     * @throws IllegalStateException if OpenBLAS for this platform is missing
     */
    public CpuDevice(int numThreads) {
        if (numThreads < 1) {
            throw new IllegalArgumentException("a CPU device needs at least 1 thread, not " + numThreads);
        }
        blas = OpenBlas.get();
        workers = new WorkerPool("sparsebalance-cpu-" + NUMBER.incrementAndGet(), numThreads);
        ops = new CpuOps(workers, blas);
    }

    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public String description() {
        return "CPU, " + workers.numThreads() + (workers.numThreads() == 1 ? " thread, " : " threads, ")
                + Rows.SPECIES.vectorBitSize() + "-bit vectors, " + blas.config();
    }

    @Override
    public Tensor allocate(DType type, long... shape) {
        long bytes = Math.multiplyExact(CpuTensor.numElements(shape), type.bytes());
        return new CpuTensor(memory, memory.allocate(bytes), type, shape);
    }

    @Override
    public Tensor allocateHost(DType type, long... shape) {
        return allocate(type, shape);
    }

    @Override
    public DType computeType() {
        return DType.F32;
    }

    @Override
    public long chunkBytes() {
        return CHUNK_BYTES;
    }

    @Override
    public boolean isAccelerator() {
        return false;
    }

    @Override
    public boolean ranksShareMemory() {
        return true;
    }

    @Override
    public Stream stream() {
        return IMMEDIATE;
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public SparseAttention attention(AttentionShape shape) {
        return attentions.computeIfAbsent(shape, s -> new CpuSparseAttention(s, workers));
    }

    @Override
    public MemoryStatistics memory() {
        return memory.statistics();
    }

    @Override
    public void close() {
        workers.close();
        memory.close();
    }
}
