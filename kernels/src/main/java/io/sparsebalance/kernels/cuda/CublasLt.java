package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * NVIDIA's matrix products, called through {@code java.lang.foreign} in whatever major version is installed (12 or 13): JCuda's
 * own binding is linked to version 12. Constants and layouts are those of {@code cublasLt.h}; a test compares them with the
 * header where there is one.
 */
final class CublasLt {
    static final int R_32F = 0;
    static final int R_16BF = 14;
    static final int COMPUTE_32F = 68;
    static final int DESC_TRANSA = 3;
    static final int DESC_TRANSB = 4;
    static final int PREF_MAX_WORKSPACE_BYTES = 1;
    static final int PREF_MIN_ALIGNMENT_A_BYTES = 5;
    static final int PREF_MIN_ALIGNMENT_D_BYTES = 8;
    static final int OP_N = 0;
    static final int OP_T = 1;
    /** {@code cublasLtMatmulHeuristicResult_t}: algorithm (64 bytes), workspace, state, waves, four reserved words. */
    static final int HEURISTIC_BYTES = 96;
    static final int HEURISTIC_WORKSPACE_OFFSET = 64;
    static final int HEURISTIC_STATE_OFFSET = 72;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final MemoryLayout POINTER = ValueLayout.ADDRESS;

    private static CublasLt loaded;

    private final NativeLibraries.Found library;
    private final long version;
    private final MethodHandle create;
    private final MethodHandle destroy;
    private final MethodHandle descCreate;
    private final MethodHandle descDestroy;
    private final MethodHandle descSet;
    private final MethodHandle layoutCreate;
    private final MethodHandle layoutDestroy;
    private final MethodHandle preferenceCreate;
    private final MethodHandle preferenceDestroy;
    private final MethodHandle preferenceSet;
    private final MethodHandle heuristic;
    private final MethodHandle algorithmCheck;
    private final MethodHandle matmul;

    private CublasLt(NativeLibraries.Found library) {
        this.library = library;
        create = function("Create", POINTER);
        destroy = function("Destroy", LONG);
        descCreate = function("MatmulDescCreate", POINTER, INT, INT);
        descDestroy = function("MatmulDescDestroy", LONG);
        descSet = function("MatmulDescSetAttribute", LONG, INT, POINTER, LONG);
        layoutCreate = function("MatrixLayoutCreate", POINTER, INT, LONG, LONG, LONG);
        layoutDestroy = function("MatrixLayoutDestroy", LONG);
        preferenceCreate = function("MatmulPreferenceCreate", POINTER);
        preferenceDestroy = function("MatmulPreferenceDestroy", LONG);
        preferenceSet = function("MatmulPreferenceSetAttribute", LONG, INT, POINTER, LONG);
        heuristic = function("MatmulAlgoGetHeuristic", LONG, LONG, LONG, LONG, LONG, LONG, LONG, INT, POINTER, POINTER);
        algorithmCheck = function("MatmulAlgoCheck", LONG, LONG, LONG, LONG, LONG, LONG, POINTER, POINTER);
        matmul = function("Matmul", LONG, LONG, POINTER, LONG, LONG, LONG, LONG, POINTER, LONG, LONG, LONG, LONG,
                POINTER, LONG, LONG, LONG);
        MethodHandle getVersion = Linker.nativeLinker().downcallHandle(
                library.symbols().find("cublasLtGetVersion").orElseThrow(), FunctionDescriptor.of(LONG));
        try {
            version = (long) getVersion.invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException("cuBLASLt could not be called: " + e.getMessage(), e);
        }
    }

    /**
     * The library, opened on first use and kept until the process ends. Any thread.
     *
     * @throws IllegalStateException if it is not installed; says how to get it
     */
    static synchronized CublasLt get() {
        if (loaded == null) {
            loaded = new CublasLt(NativeLibraries.open("cublasLt").orElseThrow(() -> new IllegalStateException(
                    "cuBLASLt (libcublasLt.so.13 or .12) is not found: install the CUDA toolkit's libcublas, or the Python"
                            + " package nvidia-cublas, or name its directory in " + NativeLibraries.PATH_VARIABLE)));
        }
        return loaded;
    }

    /** Where it was found. */
    String place() {
        return library.place();
    }

    /** Version as {@code 13.0.0}. */
    String version() {
        // From 12 on, major * 10000 + minor * 100 + patch.
        return version / 10_000 + "." + version % 10_000 / 100 + "." + version % 100;
    }

    /** Creates a handle of this library: {@code cublasLtCreate}. */
    long createHandle() {
        return created("cublasLtCreate", out -> (int) create.invokeExact(out));
    }

    /** Frees a handle. */
    void destroyHandle(long handle) {
        check(call(() -> (int) destroy.invokeExact(handle)), "cublasLtDestroy");
    }

    /** A product with F32 sums and F32 scale; the flags transpose its operands. */
    long createDescription(boolean transposeA, boolean transposeB) {
        long description = created("cublasLtMatmulDescCreate",
                out -> (int) descCreate.invokeExact(out, COMPUTE_32F, R_32F));
        setInt(description, DESC_TRANSA, transposeA ? OP_T : OP_N);
        setInt(description, DESC_TRANSB, transposeB ? OP_T : OP_N);
        return description;
    }

    private void setInt(long description, int attribute, int value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocateFrom(INT, value);
            check(call(() -> (int) descSet.invokeExact(description, attribute, memory, (long) Integer.BYTES)),
                    "cublasLtMatmulDescSetAttribute");
        }
    }

    void destroyDescription(long description) {
        check(call(() -> (int) descDestroy.invokeExact(description)), "cublasLtMatmulDescDestroy");
    }

    /** A column-major matrix. */
    long createLayout(int dataType, long rows, long columns, long leadingDimension) {
        return created("cublasLtMatrixLayoutCreate",
                out -> (int) layoutCreate.invokeExact(out, dataType, rows, columns, leadingDimension));
    }

    void destroyLayout(long layout) {
        check(call(() -> (int) layoutDestroy.invokeExact(layout)), "cublasLtMatrixLayoutDestroy");
    }

    /** Algorithms may take this much workspace. */
    long createPreference(long workspaceBytes) {
        long preference = created("cublasLtMatmulPreferenceCreate", out -> (int) preferenceCreate.invokeExact(out));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocateFrom(LONG, workspaceBytes);
            check(call(() -> (int) preferenceSet.invokeExact(preference, PREF_MAX_WORKSPACE_BYTES, memory,
                    (long) Long.BYTES)), "cublasLtMatmulPreferenceSetAttribute");
        } catch (RuntimeException | Error e) {
            destroyPreference(preference);
            throw e;
        }
        return preference;
    }

    /** Algorithms must be content with operands and result on multiples of these bytes. */
    void setAlignment(long preference, int alignmentBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocateFrom(INT, alignmentBytes);
            for (int attribute = PREF_MIN_ALIGNMENT_A_BYTES; attribute <= PREF_MIN_ALIGNMENT_D_BYTES; attribute++) {
                int which = attribute;
                check(call(() -> (int) preferenceSet.invokeExact(preference, which, memory, (long) Integer.BYTES)),
                        "cublasLtMatmulPreferenceSetAttribute");
            }
        }
    }

    void destroyPreference(long preference) {
        check(call(() -> (int) preferenceDestroy.invokeExact(preference)), "cublasLtMatmulPreferenceDestroy");
    }

    /** Writes the best algorithms for a product into {@code results}; returns how many. C and D have one layout. */
    int heuristic(long handle, long description, long a, long b, long c, long preference, MemorySegment results) {
        int most = Math.toIntExact(results.byteSize() / HEURISTIC_BYTES);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(INT);
            int code = call(() -> (int) heuristic.invokeExact(handle, description, a, b, c, c, preference, most,
                    results, count));
            return code == 0 ? count.get(INT, 0) : 0;
        }
    }

    /** Whether an algorithm that was chosen for another product can do this one, with at most this much workspace. */
    boolean canDo(long handle, long description, long a, long b, long c, MemorySegment algorithm, long workspaceBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(HEURISTIC_BYTES, Long.BYTES);
            int code = call(() -> (int) algorithmCheck.invokeExact(handle, description, a, b, c, c, algorithm, result));
            return code == 0 && result.get(INT, HEURISTIC_STATE_OFFSET) == 0
                    && result.get(LONG, HEURISTIC_WORKSPACE_OFFSET) <= workspaceBytes;
        }
    }

    /** {@code d = alpha a b + beta c} on a stream, c laid out as d; returns the library's status. */
    int matmul(long handle, long description, MemorySegment alpha, long a, long aLayout, long b, long bLayout,
            MemorySegment beta, long c, long d, long dLayout, MemorySegment algorithm, long workspace,
            long workspaceBytes, long stream) {
        try {
            return (int) matmul.invokeExact(handle, description, alpha, a, aLayout, b, bLayout, beta, c, dLayout, d,
                    dLayout, algorithm, workspace, workspaceBytes, stream);
        } catch (Throwable e) {
            throw new IllegalStateException("cublasLtMatmul could not be called: " + e.getMessage(), e);
        }
    }

    private MethodHandle function(String name, MemoryLayout... arguments) {
        String symbol = "cublasLt" + name;
        return Linker.nativeLinker().downcallHandle(
                library.symbols().find(symbol)
                        .orElseThrow(() -> new IllegalStateException(library.place() + " has no function " + symbol)),
                FunctionDescriptor.of(INT, arguments));
    }

    private interface Create {
        int into(MemorySegment out) throws Throwable;
    }

    private interface Call {
        int run() throws Throwable;
    }

    private static long created(String name, Create create) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(LONG);
            check(call(() -> create.into(out)), name);
            return out.get(LONG, 0);
        }
    }

    private static int call(Call call) {
        try {
            return call.run();
        } catch (Throwable e) {
            throw new IllegalStateException("cuBLASLt could not be called: " + e.getMessage(), e);
        }
    }

    private static void check(int status, String name) {
        if (status != 0) {
            throw new CudaException(0, name + " failed with cuBLAS status " + status);
        }
    }
}
