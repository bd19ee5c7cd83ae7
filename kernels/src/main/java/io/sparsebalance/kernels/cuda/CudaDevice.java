package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceLinks;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.MemoryStatistics;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One rank's share of one NVIDIA GPU: a stream and memory of its own. Ranks of a process on the same GPU share its context.
 * Matrices and activations are BF16; products add up in F32.
 */
public final class CudaDevice implements Device {
    private static final long MIB = 1 << 20;
    /** Of the memory that is free when the device is opened, for this many per cent it may ask; libraries take some too. */
    private static final long BUDGET_PERCENT = 92;
    private static final long PERCENT = 100;
    /** Large enough for products at full speed: the logits of 3,500 tokens with 152,000 words. */
    private static final long CHUNK_BYTES = 1L << 30;

    private final Resources resources = new Resources();
    private final CudaContext context;
    private final CudaStream stream;
    private final CudaMemory memory;
    private final Transfers transfers;
    private final CudaModules modules;
    private final CudaOps ops;
    private final Map<AttentionShape, CudaSparseAttention> attentions = new HashMap<>();
    private final boolean addQueryGradients;
    private boolean closed;

    /**
     * Opens a device.
     *
     * @throws IllegalStateException if driver, GPU or cuBLAS is missing; says which and how to get it
     */
    public CudaDevice(DeviceSettings settings) {
        int numDevices = CudaDriver.get().numDevices();
        addQueryGradients = settings.addQueryGradients();
        try {
            context = resources.add(new CudaContext(settings.rank() % numDevices), CudaContext::close);
            stream = resources.add(new CudaStream(context), CudaStream::close);
            memory = resources.add(new CudaMemory(context, stream, budget(settings, numDevices), settings.poison()),
                    CudaMemory::close);
            transfers = resources.add(new Transfers(context, stream), Transfers::close);
            modules = resources.add(new CudaModules(context), CudaModules::close);
            ops = resources.add(new CudaOps(this), CudaOps::close);
        } catch (RuntimeException | Error e) {
            resources.closeAfter(e);
            throw e;
        }
    }

    private long budget(DeviceSettings settings, int numDevices) {
        if (settings.memoryBudgetBytes() > 0) {
            return settings.memoryBudgetBytes();
        }
        // Of the total, not of what is free: ranks open one after the other, and each must come to the same share.
        long sharers = Math.ceilDiv(settings.numRanks() - settings.rank() % numDevices, numDevices);
        return context.properties().totalBytes() / PERCENT * BUDGET_PERCENT / Math.max(1, sharers);
    }

    @Override
    public String kind() {
        return "cuda";
    }

    @Override
    public String description() {
        CudaContext.DeviceProperties gpu = context.properties();
        return "GPU " + context.ordinal() + ", " + gpu.name() + ", compute capability " + gpu.major() + "."
                + gpu.minor()
                + ", " + memory.budgetBytes() / MIB + " of " + gpu.totalBytes() / MIB + " MiB, driver for CUDA "
                + CudaDriver.get().version() + ", " + ops.description();
    }

    @Override
    public Tensor allocate(DType type, long... shape) {
        return allocateCuda(type, shape);
    }

    /** As {@link #allocate}. */
    CudaTensor allocateCuda(DType type, long... shape) {
        long bytes = Math.multiplyExact(CudaTensor.numElements(shape), type.bytes());
        return new CudaTensor(this, memory.allocate(bytes, false, "a tensor " + type + Arrays.toString(shape)), type,
                shape);
    }

    /**
     * Vectors of these sizes.
     *
     * @throws io.sparsebalance.kernels.DeviceMemoryException if one does not fit; then none is left allocated
     */
    List<CudaTensor> allocateAll(DType type, long... sizes) {
        List<CudaTensor> tensors = new ArrayList<>();
        try {
            for (long size : sizes) {
                tensors.add(allocateCuda(type, size));
            }
        } catch (RuntimeException | Error e) {
            tensors.forEach(CudaTensor::close);
            throw e;
        }
        return tensors;
    }

    /** Memory for the device's own use, which does not count as an open tensor. */
    CudaTensor allocateInternal(DType type, long... shape) {
        long bytes = Math.multiplyExact(CudaTensor.numElements(shape), type.bytes());
        return new CudaTensor(this, memory.allocate(bytes, true, "scratch memory " + type + Arrays.toString(shape)),
                type,
                shape);
    }

    @Override
    public Tensor allocateHost(DType type, long... shape) {
        return PinnedTensor.allocate(context, type, shape);
    }

    @Override
    public DType computeType() {
        return DType.BF16;
    }

    @Override
    public long chunkBytes() {
        return CHUNK_BYTES;
    }

    @Override
    public boolean isAccelerator() {
        return true;
    }

    @Override
    public boolean ranksShareMemory() {
        return CudaDriver.get().numDevices() == 1;
    }

    @Override
    public DeviceLinks links() {
        return new CudaLinks(context, stream, Nccl.get());
    }

    @Override
    public Stream stream() {
        return stream;
    }

    /** As {@link #stream}. */
    CudaStream cudaStream() {
        return stream;
    }

    /** The GPU's context. */
    CudaContext context() {
        return context;
    }

    /** Kernels by family. */
    CudaModules modules() {
        return modules;
    }

    /** As {@link DeviceSettings#addQueryGradients}. */
    boolean addQueryGradients() {
        return addQueryGradients;
    }

    /** Copies from and to the host. */
    Transfers transfers() {
        return transfers;
    }

    /** Gives a tensor's memory back. */
    void release(CudaMemory.Block block) {
        memory.release(block);
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public SparseAttention attention(AttentionShape shape) {
        return attentions.computeIfAbsent(shape,
                key -> resources.add(new CudaSparseAttention(this, key), CudaSparseAttention::close));
    }

    @Override
    public MemoryStatistics memory() {
        return memory.statistics();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        // First of all: the work that may still use what is closed then.
        resources.atEnd(stream::synchronize);
        resources.close();
    }
}
