package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A tensor in native memory that the JVM addresses directly, or a view of one. */
final class CpuTensor implements Tensor {
    private final CpuMemory memory;
    private final CpuMemory.Block block;
    private final boolean owner;
    private final DType type;
    private final long[] shape;
    private final long size;
    private final MemorySegment segment;

    /** Takes ownership of a block. */
    CpuTensor(CpuMemory memory, CpuMemory.Block block, DType type, long[] shape) {
        this(memory, block, true, type, shape, block.segment());
    }

    private CpuTensor(CpuMemory memory, CpuMemory.Block block, boolean owner, DType type, long[] shape,
            MemorySegment segment) {
        this.memory = memory;
        this.block = block;
        this.owner = owner;
        this.type = type;
        this.shape = shape.clone();
        this.size = numElements(shape);
        this.segment = segment;
    }

    /** Product of the dimensions, each at least 0. */
    static long numElements(long[] shape) {
        long size = 1;
        for (long dimension : shape) {
            if (dimension < 0) {
                throw new IllegalArgumentException(
                        "tensor shape " + Arrays.toString(shape) + " has a negative dimension");
            }
            size = Math.multiplyExact(size, dimension);
        }
        return size;
    }

    @Override
    public DType type() {
        return type;
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** A dimension without copying the shape. */
    long dimension(int index) {
        return shape[index];
    }

    /** Number of dimensions. */
    int rank() {
        return shape.length;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public boolean isAddressable() {
        return true;
    }

    @Override
    public void upload(MemorySegment source) {
        requireBytes("upload", source);
        segment().copyFrom(source);
    }

    @Override
    public void download(MemorySegment target) {
        requireBytes("download", target);
        target.copyFrom(segment());
    }

    private void requireBytes(String operation, MemorySegment memory) {
        Checks.that(memory.byteSize() == bytes(), operation,
                "the host memory has " + memory.byteSize() + " bytes, but tensor " + this + " has " + bytes());
    }

    @Override
    public MemorySegment segment() {
        if (block.isFree()) {
            throw new IllegalStateException("tensor " + this + " was used after it was closed");
        }
        return segment;
    }

    @Override
    public Tensor view(long offset, long... viewShape) {
        long viewSize = numElements(viewShape);
        if (offset < 0 || offset + viewSize > size) {
            throw new IllegalArgumentException(
                    "view of " + viewSize + " elements from " + offset + " leaves tensor " + this);
        }
        return new CpuTensor(memory, block, false, type, viewShape,
                segment().asSlice(offset * type.bytes(), viewSize * type.bytes()));
    }

    @Override
    public void close() {
        if (owner) {
            memory.release(block);
        }
    }

    @Override
    public String toString() {
        return type + Arrays.toString(shape);
    }
}
