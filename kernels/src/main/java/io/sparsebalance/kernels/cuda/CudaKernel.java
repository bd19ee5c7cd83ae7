package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Arrays;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel of a loaded module. Launches cost well under a microsecond here, beside what the driver takes. */
final class CudaKernel {
    /** With this system property every launch is waited for, so that an error names its kernel. */
    static final boolean SYNCHRONOUS = Boolean.getBoolean("sparsebalance.cuda.synchronous");
    /** Dynamic shared memory that a kernel may take without asking. */
    private static final int DEFAULT_SHARED_BYTES = 48 << 10;

    private final CudaContext context;
    private final Arguments arguments;
    private final String name;
    private final Handles.Function function;
    private int grantedSharedBytes = DEFAULT_SHARED_BYTES;

    CudaKernel(CudaContext context, Arguments arguments, String name, Handles.Function function) {
        this.context = context;
        this.arguments = arguments;
        this.name = name;
        this.function = function;
    }

    /** Family and function. */
    String name() {
        return name;
    }

    /**
     * Launches the kernel; returns at once.
     *
     * @param blockX threads of a block
     * @param sharedBytes dynamic shared memory of a block
     * @param args the kernel's parameters in order: {@link CudaTensor} (its address), {@link Long} (64-bit values and
     *            addresses, 0 for null), {@link Integer}, {@link Float}, {@link Double}, or a native {@link MemorySegment}
     *            for a structure passed by value
     */
    void launch(CudaStream stream, int gridX, int gridY, int gridZ, int blockX, int sharedBytes, Object... args) {
        context.enter();
        if (sharedBytes > grantedSharedBytes) {
            grantShared(sharedBytes);
        }
        int code;
        try {
            code = CudaDriver.launchKernel(function.value(), gridX, gridY, gridZ, blockX, sharedBytes,
                    stream.handle().value(), arguments.fill(name, args));
        } finally {
            // Structures passed by value are known to the call by their addresses only.
            Reference.reachabilityFence(args);
        }
        if (code == 0 && SYNCHRONOUS) {
            code = JCudaDriver.cuStreamSynchronize(stream.handle());
        }
        if (code != 0) {
            throw CudaErrors.exception(code, "kernel " + name + " with grid " + gridX + " x " + gridY + " x " + gridZ
                    + ", block " + blockX + ", " + sharedBytes + " bytes of shared memory, arguments "
                    + Arrays.toString(args));
        }
    }

    private void grantShared(int sharedBytes) {
        CudaErrors.check(
                JCudaDriver.cuFuncSetAttribute(function,
                        CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedBytes),
                "kernel " + name + ": asking for " + sharedBytes + " bytes of shared memory, of "
                        + context.properties().maxSharedBytes() + " that a block may have");
        grantedSharedBytes = sharedBytes;
    }

    /** Blocks of this kernel that fit on one multiprocessor. */
    int blocksPerMultiprocessor(int blockX, int sharedBytes) {
        context.enter();
        if (sharedBytes > grantedSharedBytes) {
            grantShared(sharedBytes);
        }
        int[] blocks = new int[1];
        CudaErrors.check(
                JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, blockX, sharedBytes),
                "occupancy of kernel " + name);
        return blocks[0];
    }

    /** Memory for parameters, filled anew for each launch: the driver copies them before it returns. One for a device. */
    static final class Arguments {
        private static final int MAX_ARGUMENTS = 64;

        private final MemorySegment values = Arena.ofAuto().allocate((long) MAX_ARGUMENTS * Long.BYTES, Long.BYTES);
        private final MemorySegment addresses = Arena.ofAuto().allocate((long) MAX_ARGUMENTS * Long.BYTES, Long.BYTES);

        /** The array of addresses that {@code cuLaunchKernel} takes. */
        MemorySegment fill(String kernel, Object[] args) {
            for (int i = 0; i < args.length; i++) {
                long address = values.address() + (long) i * Long.BYTES;
                switch (args[i]) {
                    case CudaTensor tensor -> values.setAtIndex(ValueLayout.JAVA_LONG, i, tensor.address());
                    case Long value -> values.setAtIndex(ValueLayout.JAVA_LONG, i, value);
                    case Integer value -> values.set(ValueLayout.JAVA_INT, (long) i * Long.BYTES, value);
                    case Float value -> values.set(ValueLayout.JAVA_FLOAT, (long) i * Long.BYTES, value);
                    case Double value -> values.setAtIndex(ValueLayout.JAVA_DOUBLE, i, value);
                    case MemorySegment structure -> address = structure.address();
                    default -> throw new IllegalArgumentException("kernel " + kernel + ": argument " + i + " is a "
                            + args[i].getClass().getName() + ", which a kernel cannot take");
                }
                addresses.setAtIndex(ValueLayout.JAVA_LONG, i, address);
            }
            return addresses;
        }
    }
}
