package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.DeviceMemoryException;
import io.sparsebalance.kernels.MemoryStatistics;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Native memory of a CPU device, zeroed, 64-byte aligned, and released when asked. Workers and the in-process collective
 * read blocks from other threads, so the memory is not confined; {@code Arena.ofShared} would make every release a
 * handshake with all threads, so blocks come from the C library.
 */
final class CpuMemory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CpuMemory.class);

    private final Set<Block> blocks = new HashSet<>();
    private long usedBytes;
    private long peakBytes;
    private boolean closed;

    /** A piece of native memory. */
    static final class Block {
        private final MemorySegment base;
        private final MemorySegment segment;
        private volatile boolean free;

        private Block(MemorySegment base, MemorySegment segment) {
            this.base = base;
            this.segment = segment;
        }

        MemorySegment segment() {
            return segment;
        }

        boolean isFree() {
            return free;
        }
    }

    /** Zeroed memory. */
    synchronized Block allocate(long bytes) {
        if (closed) {
            throw new IllegalStateException("the device was closed; no tensor can be allocated");
        }
        MemorySegment base;
        try {
            base = CLibrary.get().allocateZeroed(bytes);
        } catch (OutOfMemoryError e) {
            throw new DeviceMemoryException("the CPU device could not allocate " + bytes + " bytes; " + usedBytes
                    + " bytes are in use in " + blocks.size()
                    + " tensors; use a smaller batch.token-cap or model, or free"
                    + " memory", e);
        }
        Block block = new Block(base, base.asSlice(0, bytes));
        blocks.add(block);
        usedBytes += bytes;
        peakBytes = Math.max(peakBytes, usedBytes);
        return block;
    }

    /** Releases a block; a second call does nothing. */
    synchronized void release(Block block) {
        if (block.free) {
            return;
        }
        block.free = true;
        CLibrary.get().free(block.base);
        if (!closed) {
            blocks.remove(block);
            usedBytes -= block.segment.byteSize();
        }
    }

    synchronized MemoryStatistics statistics() {
        return new MemoryStatistics(usedBytes, peakBytes, blocks.size());
    }

    /** Releases what is left; the statistics keep counting it, as leaked. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (!blocks.isEmpty()) {
            LOG.warn("{} tensors with {} bytes were still open when their device was closed", blocks.size(), usedBytes);
            for (Block block : blocks) {
                release(block);
            }
        }
    }

    /** Scope that outlives everything: the block's own flag guards its use. */
    static MemorySegment unscoped(long address, long bytes) {
        return MemorySegment.ofAddress(address).reinterpret(bytes, Arena.global(), null);
    }
}
