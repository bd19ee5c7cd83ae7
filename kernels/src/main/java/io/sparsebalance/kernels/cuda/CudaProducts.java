package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Matrix products by cuBLASLt on one stream: BF16 or F32 operands, F32 sums, BF16 or F32 result. The library's choice of
 * algorithm is asked for once and kept. Rows of the left operand are the tokens of a micro-batch, of which every micro-batch
 * has another number: the choice is made for a rounded one, so that there are few. A choice takes the host longer than small
 * products take the device, and the first use of an algorithm loads its code.
 */
final class CudaProducts implements AutoCloseable {
    /** What cuBLAS itself takes on Hopper. */
    private static final long WORKSPACE_BYTES = 32L << 20;
    /** Shapes change with the tokens of a micro-batch; the oldest plans go first. */
    private static final int MAX_PLANS = 1024;
    private static final int NOT_SUPPORTED = 15;
    /** What cuBLAS takes for granted if it is not told. */
    private static final long MAX_ALIGNMENT = 256;

    private final CudaDevice device;
    private final CublasLt library = CublasLt.get();
    private final Resources resources = new Resources();
    private final long handle;
    private final long preference;
    private final CudaTensor workspace;
    private final MemorySegment alpha = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT);
    private final MemorySegment beta = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT);
    private final Map<Key, MemorySegment> choices = new HashMap<>();
    private final LinkedHashMap<Key, Plan> plans = new LinkedHashMap<>(MAX_PLANS, 0.75f, true);

    /** What decides an algorithm: {@code c[m,n] = op(a) op(b)}, row-major. Addresses decide by their alignment only. */
    private record Key(long m, long n, long k, boolean transposeA, boolean transposeB, DType operands, DType result,
            int alignment) {
        /** With the rows of {@code a} rounded. */
        Key rounded() {
            return transposeA
                    ? new Key(m, n, roundedTokens(k), true, transposeB, operands, result, alignment)
                    : new Key(roundedTokens(m), n, k, false, transposeB, operands, result, alignment);
        }
    }

    /** Descriptions of the operands as cuBLAS sees them, and the algorithm. */
    private record Plan(long description, long first, long second, long result, MemorySegment algorithm) {}

    CudaProducts(CudaDevice device) {
        this.device = device;
        device.context().enter();
        try {
            handle = resources.add(library.createHandle(), library::destroyHandle);
            preference = resources.add(library.createPreference(WORKSPACE_BYTES), library::destroyPreference);
            workspace = resources.add(device.allocateInternal(DType.F32, WORKSPACE_BYTES / Float.BYTES),
                    CudaTensor::close);
            resources.atEnd(() -> plans.values().forEach(this::destroy));
        } catch (RuntimeException | Error e) {
            resources.closeAfter(e);
            throw e;
        }
    }

    /** Version and place of the library. */
    String description() {
        return "cuBLASLt " + library.version();
    }

    /** {@code c[M,N] = alpha op(a) op(b) + beta addend}; {@code addend}, of the type and shape of c, may be c. */
    void multiply(CudaStream stream, CudaTensor a, boolean transposeA, CudaTensor b, boolean transposeB,
            float alphaValue, float betaValue, CudaTensor addend, CudaTensor c) {
        long m = a.dimension(transposeA ? 1 : 0);
        long k = a.dimension(transposeA ? 0 : 1);
        long n = b.dimension(transposeB ? 0 : 1);
        long kb = b.dimension(transposeB ? 1 : 0);
        if (k != kb || c.dimension(0) != m || c.dimension(1) != n || a.type() != b.type()) {
            throw new IllegalArgumentException("matmul: " + describe(a, transposeA, b, transposeB, c)
                    + " do not fit in shape or type");
        }
        if (m == 0 || n == 0) {
            return;
        }
        device.context().enter();
        int alignment = (int) Long.lowestOneBit(a.address() | b.address() | addend.address() | c.address()
                | MAX_ALIGNMENT);
        Key key = new Key(m, n, k, transposeA, transposeB, a.type(), c.type(), alignment);
        Plan plan = plans.get(key);
        if (plan == null) {
            plan = plan(key, a, b, c);
        }
        alpha.set(ValueLayout.JAVA_FLOAT, 0, alphaValue);
        beta.set(ValueLayout.JAVA_FLOAT, 0, betaValue);
        // Row-major c = op(a) op(b) is column-major c^T = op(b)^T op(a)^T: the operands change places.
        int status = library.matmul(handle, plan.description(), alpha, b.address(), plan.first(), a.address(),
                plan.second(), beta, addend.address(), c.address(), plan.result(), plan.algorithm(),
                workspace.address(), WORKSPACE_BYTES, stream.handle().value());
        if (status != 0) {
            throw new CudaException(0, "matmul: " + describe(a, transposeA, b, transposeB, c)
                    + " failed with cuBLAS status " + status + ", " + description());
        }
    }

    /** Up to the next power of two: so few that a warm-up meets all of them. */
    static long roundedTokens(long tokens) {
        return tokens <= 1 ? 1 : 2 * Long.highestOneBit(tokens - 1);
    }

    private Plan plan(Key key, CudaTensor a, CudaTensor b, CudaTensor c) {
        if (plans.size() >= MAX_PLANS) {
            destroy(plans.pollFirstEntry().getValue());
        }
        Plan plan = describe(key);
        Key rounded = key.rounded();
        MemorySegment algorithm = choices.get(rounded);
        if (algorithm == null) {
            Plan representative = describe(rounded);
            algorithm = choose(rounded, representative);
            destroy(representative);
            choices.put(rounded, algorithm);
        }
        if (!canDo(plan, algorithm)) {
            algorithm = choose(key, plan);
        }
        if (!isFound(algorithm)) {
            destroy(plan);
            throw new CudaException(0, "matmul: " + description() + " has no algorithm for "
                    + describe(a, key.transposeA(), b, key.transposeB(), c) + " (status "
                    + algorithm.get(ValueLayout.JAVA_INT, CublasLt.HEURISTIC_STATE_OFFSET) + ")");
        }
        Plan complete = new Plan(plan.description(), plan.first(), plan.second(), plan.result(), algorithm);
        plans.put(key, complete);
        return complete;
    }

    /** As cuBLAS sees a product; no algorithm yet. */
    private Plan describe(Key key) {
        long description = library.createDescription(key.transposeB(), key.transposeA());
        long first = key.transposeB()
                ? rowMajor(key.operands(), key.n(), key.k())
                : rowMajor(key.operands(), key.k(), key.n());
        long second = key.transposeA()
                ? rowMajor(key.operands(), key.k(), key.m())
                : rowMajor(key.operands(), key.m(), key.k());
        return new Plan(description, first, second, rowMajor(key.result(), key.m(), key.n()), MemorySegment.NULL);
    }

    /** Column-major, as cuBLAS sees it, with the columns as rows. */
    private long rowMajor(DType type, long height, long width) {
        return library.createLayout(dataType(type), width, height, Math.max(1, width));
    }

    /** What the library thinks best; {@link #isFound} tells whether there is any. */
    private MemorySegment choose(Key key, Plan plan) {
        MemorySegment algorithm = Arena.ofAuto().allocate(CublasLt.HEURISTIC_BYTES, Long.BYTES);
        library.setAlignment(preference, key.alignment());
        int found = library.heuristic(handle, plan.description(), plan.first(), plan.second(), plan.result(),
                preference, algorithm);
        if (found == 0) {
            algorithm.set(ValueLayout.JAVA_INT, CublasLt.HEURISTIC_STATE_OFFSET, NOT_SUPPORTED);
        }
        return algorithm;
    }

    private static boolean isFound(MemorySegment algorithm) {
        return algorithm.get(ValueLayout.JAVA_INT, CublasLt.HEURISTIC_STATE_OFFSET) == 0;
    }

    private boolean canDo(Plan plan, MemorySegment algorithm) {
        return isFound(algorithm) && library.canDo(handle, plan.description(), plan.first(), plan.second(),
                plan.result(), algorithm, WORKSPACE_BYTES);
    }

    private static int dataType(DType type) {
        return switch (type) {
            case BF16 -> CublasLt.R_16BF;
            case F32 -> CublasLt.R_32F;
            case F64, I32 -> throw new IllegalArgumentException("matmul: " + type + " is not F32 or BF16");
        };
    }

    private static String describe(CudaTensor a, boolean transposeA, CudaTensor b, boolean transposeB, CudaTensor c) {
        return "a " + a + (transposeA ? " transposed" : "") + ", b " + b + (transposeB ? " transposed" : "") + ", c "
                + c;
    }

    private void destroy(Plan plan) {
        library.destroyLayout(plan.first());
        library.destroyLayout(plan.second());
        library.destroyLayout(plan.result());
        library.destroyDescription(plan.description());
    }

    @Override
    public void close() {
        resources.close();
    }
}
