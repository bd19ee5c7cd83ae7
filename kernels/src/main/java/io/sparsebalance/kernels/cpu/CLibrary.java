package io.sparsebalance.kernels.cpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code aligned_alloc}, {@code free} and {@code madvise} of the C library. Safe for use by many threads. */
final class CLibrary {
    private static final Logger LOG = LoggerFactory.getLogger(CLibrary.class);
    private static final long ALIGNMENT = 64;

    /** Size of a huge page of x86-64 and of most others. */
    private static final long HUGE_PAGE = 2L << 20;

    /** {@code MADV_HUGEPAGE} of Linux. */
    private static final int ADVICE_HUGE_PAGES = 14;

    private static final CLibrary INSTANCE = new CLibrary();

    private final MethodHandle alignedAlloc;
    private final MethodHandle free;
    private final MethodHandle advise;

    private CLibrary() {
        Linker linker = Linker.nativeLinker();
        alignedAlloc = linker.downcallHandle(linker.defaultLookup().findOrThrow("aligned_alloc"),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        free = linker.downcallHandle(linker.defaultLookup().findOrThrow("free"),
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
        advise = linker.downcallHandle(linker.defaultLookup().findOrThrow("madvise"), FunctionDescriptor
                .of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
    }

    static CLibrary get() {
        return INSTANCE;
    }

    /** Zeroed memory of at least this many bytes. */
    MemorySegment allocateZeroed(long bytes) {
        long alignment = bytes < HUGE_PAGE ? ALIGNMENT : HUGE_PAGE;
        long rounded = Math.max(alignment, Math.ceilDiv(bytes, alignment) * alignment);
        long address;
        try {
            address = (long) alignedAlloc.invokeExact(alignment, rounded);
        } catch (Throwable e) {
            throw new IllegalStateException("aligned_alloc failed: " + e.getMessage(), e);
        }
        if (address == 0) {
            throw new OutOfMemoryError("aligned_alloc of " + rounded + " bytes");
        }
        if (alignment == HUGE_PAGE) {
            adviseHugePages(address, rounded);
        }
        MemorySegment memory = CpuMemory.unscoped(address, rounded);
        memory.fill((byte) 0);
        return memory;
    }

    /** A fault for each 4 KiB of new memory costs more than the work on it; a kernel without huge pages ignores the advice. */
    private void adviseHugePages(long address, long bytes) {
        try {
            int result = (int) advise.invokeExact(address, bytes, ADVICE_HUGE_PAGES);
            if (result != 0) {
                LOG.debug("the kernel gives no huge pages; large tensors use small ones");
            }
        } catch (Throwable e) {
            throw new IllegalStateException("madvise failed: " + e.getMessage(), e);
        }
    }

    void free(MemorySegment memory) {
        try {
            free.invokeExact(memory.address());
        } catch (Throwable e) {
            throw new IllegalStateException("free failed: " + e.getMessage(), e);
        }
    }
}
