package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * NVIDIA's collectives between GPUs, called through {@code java.lang.foreign}. Constants and layouts are those of {@code nccl.h};
 * communicators are made so that no call blocks, hence every wait can be ended. Safe for use by many threads.
 */
final class Nccl {
    static final int SUCCESS = 0;
    static final int IN_PROGRESS = 7;
    /** {@code ncclUniqueId}. */
    static final int ID_BYTES = 128;

    private static final int LIBRARY_MAJOR = 2;
    private static final int FLOAT32 = 7;
    private static final int SUM = 0;
    /** {@code ncclConfig_t} up to the fields of 2.14: size, magic, version, blocking, and one that is left undefined. */
    private static final int CONFIG_BYTES = 24;
    private static final int CONFIG_MAGIC = 0xcafebeef;
    private static final int CONFIG_VERSION = 21400;
    private static final int UNDEFINED = Integer.MIN_VALUE;
    private static final int MAX_TEXT = 4096;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final MemoryLayout POINTER = ValueLayout.ADDRESS;
    private static final MemoryLayout ID = MemoryLayout
            .structLayout(MemoryLayout.sequenceLayout(ID_BYTES, ValueLayout.JAVA_BYTE));

    private static Nccl loaded;

    private final NativeLibraries.Found library;
    private final int version;
    private final MethodHandle getUniqueId;
    private final MethodHandle initRank;
    private final MethodHandle getAsyncError;
    private final MethodHandle allReduce;
    private final MethodHandle reduceScatter;
    private final MethodHandle allGather;
    private final MethodHandle finish;
    private final MethodHandle destroy;
    private final MethodHandle abort;
    private final MethodHandle errorString;

    /** Of a library that was found. */
    Nccl(NativeLibraries.Found library) {
        this.library = library;
        this.version = version(function("ncclGetVersion", FunctionDescriptor.of(INT, POINTER)));
        if (version < CONFIG_VERSION) {
            throw new IllegalStateException("NCCL " + text(version) + " in " + library.place()
                    + " is too old: 2.14 is the first whose waits can be ended");
        }
        getUniqueId = function("ncclGetUniqueId", FunctionDescriptor.of(INT, POINTER));
        initRank = function("ncclCommInitRankConfig", FunctionDescriptor.of(INT, POINTER, INT, ID, INT, POINTER));
        getAsyncError = function("ncclCommGetAsyncError", FunctionDescriptor.of(INT, LONG, POINTER));
        allReduce = function("ncclAllReduce", FunctionDescriptor.of(INT, LONG, LONG, LONG, INT, INT, LONG, LONG));
        reduceScatter = function("ncclReduceScatter",
                FunctionDescriptor.of(INT, LONG, LONG, LONG, INT, INT, LONG, LONG));
        allGather = function("ncclAllGather", FunctionDescriptor.of(INT, LONG, LONG, LONG, INT, LONG, LONG));
        finish = function("ncclCommFinalize", FunctionDescriptor.of(INT, LONG));
        destroy = function("ncclCommDestroy", FunctionDescriptor.of(INT, LONG));
        abort = function("ncclCommAbort", FunctionDescriptor.of(INT, LONG));
        errorString = function("ncclGetErrorString", FunctionDescriptor.of(POINTER, INT));
    }

    /**
     * The library, opened on first use and kept until the process ends.
     *
     * @throws IllegalStateException if it is not installed or too old; says how to get it
     */
    static synchronized Nccl get() {
        if (loaded == null) {
            loaded = new Nccl(NativeLibraries.open("nccl", LIBRARY_MAJOR).orElseThrow(() -> new IllegalStateException(
                    "NCCL (libnccl.so.2) is not found: install the package libnccl2, or the Python package nvidia-nccl,"
                            + " or name its directory in " + NativeLibraries.PATH_VARIABLE)));
        }
        return loaded;
    }

    /** Version and place, for people. */
    String description() {
        return "NCCL " + text(version) + ", " + library.place();
    }

    private static String text(int number) {
        return number / 10_000 + "." + number % 10_000 / 100 + "." + number % 100;
    }

    private static int version(MethodHandle getVersion) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(INT);
            int code = call(() -> (int) getVersion.invokeExact(out));
            if (code != SUCCESS) {
                throw new IllegalStateException("ncclGetVersion failed with status " + code);
            }
            return out.get(INT, 0);
        }
    }

    /** {@code ncclGetUniqueId}. */
    byte[] newId() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocate(ID);
            check(call(() -> (int) getUniqueId.invokeExact(id)), "ncclGetUniqueId");
            return id.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /**
     * {@code ncclCommInitRankConfig}, which goes on after it has returned.
     *
     * @param out one pointer, written before it goes on
     */
    int begin(MemorySegment out, byte[] id, int rank, int numRanks) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment idMemory = arena.allocate(ID);
            idMemory.copyFrom(MemorySegment.ofArray(id));
            MemorySegment config = arena.allocate(CONFIG_BYTES, Long.BYTES);
            config.set(LONG, 0, CONFIG_BYTES);
            config.set(INT, 8, CONFIG_MAGIC);
            config.set(INT, 12, CONFIG_VERSION);
            // Blocking: no.
            config.set(INT, 16, 0);
            config.set(INT, 20, UNDEFINED);
            return call(() -> (int) initRank.invokeExact(out, numRanks, idMemory, rank, config));
        }
    }

    /** State of what was begun: {@code ncclCommGetAsyncError}. */
    int state(long communicator) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(INT);
            int code = call(() -> (int) getAsyncError.invokeExact(communicator, out));
            return code == SUCCESS ? out.get(INT, 0) : code;
        }
    }

    /** Sum of F32 over the ranks, in place. */
    int allReduce(long values, long count, long communicator, long stream) {
        return call(
                () -> (int) allReduce.invokeExact(values, values, count, FLOAT32, SUM, communicator, stream));
    }

    /** Each rank gets the sum of one part of F32: {@code count} elements. */
    int reduceScatter(long values, long part, long count, long communicator, long stream) {
        return call(() -> (int) reduceScatter.invokeExact(values, part, count, FLOAT32, SUM, communicator, stream));
    }

    /** Each rank gives its part of F32 to all. */
    int allGather(long part, long values, long count, long communicator, long stream) {
        return call(() -> (int) allGather.invokeExact(part, values, count, FLOAT32, communicator, stream));
    }

    /** Begins to end a communicator in order. */
    int finish(long communicator) {
        return call(() -> (int) finish.invokeExact(communicator));
    }

    /** Frees a communicator that was ended in order. */
    int destroy(long communicator) {
        return call(() -> (int) destroy.invokeExact(communicator));
    }

    /** Ends a communicator and what it does, whatever that is. */
    int abort(long communicator) {
        return call(() -> (int) abort.invokeExact(communicator));
    }

    /** What a result means. */
    String meaning(int code) {
        try {
            MemorySegment text = (MemorySegment) errorString.invokeExact(code);
            return code + " (" + text.reinterpret(MAX_TEXT).getString(0) + ")";
        } catch (Throwable e) {
            throw new IllegalStateException("ncclGetErrorString could not be called: " + e.getMessage(), e);
        }
    }

    private void check(int code, String name) {
        if (code != SUCCESS) {
            throw new CudaException(0, name + ": NCCL error " + meaning(code));
        }
    }

    private MethodHandle function(String symbol, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(library.symbols().find(symbol)
                .orElseThrow(() -> new IllegalStateException(library.place() + " has no function " + symbol)), type);
    }

    private interface Call {
        int run() throws Throwable;
    }

    private static int call(Call call) {
        try {
            return call.run();
        } catch (Throwable e) {
            throw new IllegalStateException("NCCL could not be called: " + e.getMessage(), e);
        }
    }
}
