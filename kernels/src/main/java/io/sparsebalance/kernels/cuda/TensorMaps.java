package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * Descriptions of tensors for Hopper's copy engine ({@code cuTensorMapEncodeTiled}), passed by value to a kernel. Made on the
 * host, without the device; only the address ties one to a tensor.
 */
final class TensorMaps {
    static final int DATA_TYPE_BFLOAT16 = 9;
    static final int SWIZZLE_128B = 3;
    static final int L2_PROMOTION_256B = 3;
    /** {@code sizeof(CUtensorMap)}. */
    static final int BYTES = 128;
    private static final int ALIGNMENT = 64;

    private TensorMaps() {
    }

    /** Held apart, so that the handle is a constant, and is looked up only where there is a driver. */
    private static final class Calls {
        static final MethodHandle ENCODE = Linker.nativeLinker().downcallHandle(
                CudaDriver.library().find("cuTensorMapEncodeTiled").orElseThrow(() -> new IllegalStateException(
                        "the NVIDIA driver has no cuTensorMapEncodeTiled; install driver 525 or later")),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.ADDRESS,
                        ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    }

    /**
     * A dense BF16 tensor, read or written in boxes with the 128-byte swizzle; what lies outside reads as 0.
     *
     * @param arena of the description, which must live until the launch has returned
     * @param dimensions of the tensor, innermost first
     * @param box of one copy, innermost first; the innermost at most 64 elements
     * @return the structure, to be given to {@link CudaKernel#launch}
     */
    static MemorySegment bf16(Arena arena, CudaTensor tensor, long[] dimensions, int[] box) {
        int rank = dimensions.length;
        MemorySegment map = arena.allocate(BYTES, ALIGNMENT);
        try (Arena temporary = Arena.ofConfined()) {
            MemorySegment strides = temporary.allocate(ValueLayout.JAVA_LONG, rank);
            MemorySegment elementStrides = temporary.allocate(ValueLayout.JAVA_INT, rank);
            long stride = tensor.type().bytes();
            for (int i = 0; i < rank; i++) {
                stride *= dimensions[i];
                strides.setAtIndex(ValueLayout.JAVA_LONG, i, stride);
                elementStrides.setAtIndex(ValueLayout.JAVA_INT, i, 1);
            }
            int code;
            try {
                code = (int) Calls.ENCODE.invokeExact(map, DATA_TYPE_BFLOAT16, rank, tensor.address(),
                        temporary.allocateFrom(ValueLayout.JAVA_LONG, dimensions), strides,
                        temporary.allocateFrom(ValueLayout.JAVA_INT, box), elementStrides, 0, SWIZZLE_128B,
                        L2_PROMOTION_256B, 0);
            } catch (Throwable e) {
                throw new IllegalStateException("cuTensorMapEncodeTiled could not be called: " + e.getMessage(), e);
            }
            CudaErrors.check(code, "cuTensorMapEncodeTiled of " + tensor + " as "
                    + Arrays.toString(dimensions) + " in boxes " + Arrays.toString(box));
        }
        return map;
    }
}
