package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DeviceMemoryException;
import io.sparsebalance.kernels.MemoryStatistics;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Memory of one device (of one rank): allocations are kept when they are released and given out again, because the driver
 * waits for all work when it frees. Whoever gets a released block uses it on the same stream, hence after its last use. Never
 * more than the budget is taken from the driver, cached blocks included. {@link #statistics} may be asked on any thread.
 */
final class CudaMemory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CudaMemory.class);
    private static final long MIB = 1 << 20;
    /** Small blocks are rounded up to this, which also aligns vector loads. */
    private static final long SMALL_BYTES = 512;
    /** Blocks from 1 MiB on are rounded up to this, the driver's own page. */
    private static final long LARGE_BYTES = 2 * MIB;
    /** A cached block may be this share larger than asked. */
    private static final int WASTE_SHARE = 8;
    /** In poison mode, bytes behind each block that nobody may write. */
    private static final long GUARD_BYTES = 512;
    private static final byte GUARD = (byte) 0xA5;
    /** Makes every F32, BF16 and F64 a NaN, and every index invalid. */
    private static final byte POISON = (byte) 0xFF;

    private final CudaContext context;
    private final CudaStream stream;
    private final long budgetBytes;
    private final boolean poison;
    private final Set<Block> open = new HashSet<>();
    private int numInternal;
    private final TreeMap<Long, Deque<Block>> cache = new TreeMap<>();
    private long usedBytes;
    private long peakBytes;
    private long heldBytes;
    private boolean closed;

    /** A piece of device memory. */
    static final class Block {
        private final Handles.DeviceAddress address;
        private final long capacity;
        private boolean internal;
        private long bytes;
        private volatile boolean free;

        private Block(Handles.DeviceAddress address, long capacity) {
            this.address = address;
            this.capacity = capacity;
        }

        long address() {
            return address.value();
        }

        boolean isFree() {
            return free;
        }
    }

    CudaMemory(CudaContext context, CudaStream stream, long budgetBytes, boolean poison) {
        this.context = context;
        this.stream = stream;
        this.budgetBytes = budgetBytes;
        this.poison = poison;
    }

    /** Most bytes that are taken from the driver. */
    long budgetBytes() {
        return budgetBytes;
    }

    /**
     * Zeroed memory.
     *
     * @param internal for the device's own use: counted in bytes, but not as an open tensor
     */
    synchronized Block allocate(long bytes, boolean internal, String what) {
        if (closed) {
            throw new IllegalStateException("the device was closed; no tensor can be allocated");
        }
        context.enter();
        long capacity = round(bytes + (poison ? GUARD_BYTES : 0));
        Block block = fromCache(capacity);
        if (block == null) {
            block = fromDriver(capacity, bytes, what);
        }
        block.bytes = bytes;
        block.free = false;
        block.internal = internal;
        numInternal += internal ? 1 : 0;
        open.add(block);
        usedBytes += bytes;
        peakBytes = Math.max(peakBytes, usedBytes);
        set(block, 0, bytes, (byte) 0);
        if (poison) {
            set(block, bytes, block.capacity - bytes, GUARD);
        }
        return block;
    }

    private static long round(long bytes) {
        long unit = bytes < MIB ? SMALL_BYTES : LARGE_BYTES;
        return Math.max(unit, Math.ceilDiv(bytes, unit) * unit);
    }

    private Block fromCache(long capacity) {
        Map.Entry<Long, Deque<Block>> entry = cache.ceilingEntry(capacity);
        if (entry == null || entry.getKey() > capacity + capacity / WASTE_SHARE) {
            return null;
        }
        Block block = entry.getValue().removeLast();
        if (entry.getValue().isEmpty()) {
            cache.remove(entry.getKey());
        }
        return block;
    }

    private Block fromDriver(long capacity, long bytes, String what) {
        if (heldBytes + capacity > budgetBytes) {
            releaseCache();
        }
        if (heldBytes + capacity > budgetBytes) {
            throw new DeviceMemoryException(describe(bytes, what) + "; the budget is " + budgetBytes / MIB + " MiB"
                    + remedy(), null);
        }
        Handles.DeviceAddress address = new Handles.DeviceAddress();
        int code = JCudaDriver.cuMemAlloc(address, capacity);
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            // What is cached here may be all that is missing.
            releaseCache();
            code = JCudaDriver.cuMemAlloc(address, capacity);
        }
        if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw new DeviceMemoryException(describe(bytes, what) + "; the GPU has " + context.freeBytes() / MIB
                    + " MiB free, of " + context.properties().totalBytes() / MIB + remedy(), null);
        }
        CudaErrors.check(code, "cuMemAlloc of " + capacity + " bytes for " + what);
        heldBytes += capacity;
        return new Block(address, capacity);
    }

    private String describe(long bytes, String what) {
        return "GPU " + context.ordinal() + " could not allocate " + bytes + " bytes for " + what + "; "
                + usedBytes / MIB + " MiB are in use in " + open.size() + " tensors";
    }

    private static String remedy() {
        return ". Use a smaller batch.token-cap or model, model.recompute=true, or a larger device.memory-budget.";
    }

    /** Releases a block; a second call does nothing. */
    synchronized void release(Block block) {
        if (block.free) {
            return;
        }
        block.free = true;
        open.remove(block);
        numInternal -= block.internal ? 1 : 0;
        usedBytes -= block.bytes;
        if (poison) {
            context.enter();
            checkGuard(block);
            set(block, 0, block.bytes, POISON);
        }
        cache.computeIfAbsent(block.capacity, capacity -> new ArrayDeque<>()).addLast(block);
    }

    private void checkGuard(Block block) {
        byte[] guard = new byte[Math.toIntExact(GUARD_BYTES)];
        stream.synchronize();
        CudaErrors.check(JCudaDriver.cuMemcpyDtoH(jcuda.Pointer.to(guard), block.address.withByteOffset(block.bytes),
                guard.length), "reading the guard of a block");
        for (int i = 0; i < guard.length; i++) {
            if (guard[i] != GUARD) {
                throw new IllegalStateException("a kernel wrote " + i + " bytes behind the end of a block of "
                        + block.bytes + " bytes");
            }
        }
    }

    private void set(Block block, long from, long bytes, byte value) {
        if (bytes > 0) {
            CudaErrors.check(JCudaDriver.cuMemsetD8Async(block.address.withByteOffset(from), value, bytes,
                    stream.handle()), "filling " + bytes + " bytes");
        }
    }

    /** Gives what is cached back to the driver. */
    private void releaseCache() {
        for (Deque<Block> blocks : cache.values()) {
            for (Block block : blocks) {
                freeToDriver(block);
            }
        }
        cache.clear();
    }

    private void freeToDriver(Block block) {
        CudaErrors.check(JCudaDriver.cuMemFree(block.address), "cuMemFree of " + block.capacity + " bytes");
        heldBytes -= block.capacity;
    }

    synchronized MemoryStatistics statistics() {
        return new MemoryStatistics(usedBytes, peakBytes, open.size() - numInternal);
    }

    /** Bytes taken from the driver, cached ones included. */
    synchronized long heldBytes() {
        return heldBytes;
    }

    /** Frees everything; the statistics keep counting what was open, as leaked. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        context.enter();
        if (!open.isEmpty()) {
            LOG.warn("{} tensors with {} bytes were still open when their device was closed", open.size(), usedBytes);
        }
        for (Block block : open) {
            block.free = true;
            freeToDriver(block);
        }
        releaseCache();
    }
}
