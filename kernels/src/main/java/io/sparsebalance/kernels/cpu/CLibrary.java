package io.sparsebalance.kernels.cpu;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** {@code aligned_alloc} and {@code free} of the C library. Safe for use by many threads. */
final class CLibrary {
    private static final long ALIGNMENT = 64;
    private static final CLibrary INSTANCE = new CLibrary();

    private final MethodHandle alignedAlloc;
    private final MethodHandle free;

    private CLibrary() {
        Linker linker = Linker.nativeLinker();
        alignedAlloc = linker.downcallHandle(linker.defaultLookup().findOrThrow("aligned_alloc"),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        free = linker.downcallHandle(linker.defaultLookup().findOrThrow("free"),
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
    }

    static CLibrary get() {
        return INSTANCE;
    }

    /** Zeroed memory of at least this many bytes. */
    MemorySegment allocateZeroed(long bytes) {
        long rounded = Math.max(ALIGNMENT, Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT);
        long address;
        try {
            address = (long) alignedAlloc.invokeExact(ALIGNMENT, rounded);
        } catch (Throwable e) {
            throw new IllegalStateException("aligned_alloc failed: " + e.getMessage(), e);
        }
        if (address == 0) {
            throw new OutOfMemoryError("aligned_alloc of " + rounded + " bytes");
        }
        MemorySegment memory = CpuMemory.unscoped(address, rounded);
        memory.fill((byte) 0);
        return memory;
    }

    void free(MemorySegment memory) {
        try {
            free.invokeExact(memory.address());
        } catch (Throwable e) {
            throw new IllegalStateException("free failed: " + e.getMessage(), e);
        }
    }
}
