package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A tensor in device memory, or a view of one. */
final class CudaTensor implements Tensor {
    private final CudaDevice device;
    private final CudaMemory.Block block;
    private final boolean owner;
    private final DType type;
    private final long[] shape;
    private final long size;
    private final long address;

    /** Takes ownership of a block. */
    CudaTensor(CudaDevice device, CudaMemory.Block block, DType type, long[] shape) {
        this(device, block, true, type, shape, block.address());
    }

    private CudaTensor(CudaDevice device, CudaMemory.Block block, boolean owner, DType type, long[] shape,
            long address) {
        this.device = device;
        this.block = block;
        this.owner = owner;
        this.type = type;
        this.shape = shape.clone();
        this.size = numElements(shape);
        this.address = address;
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

    /** Where the elements begin in device memory. */
    long address() {
        if (block.isFree()) {
            throw new IllegalStateException("tensor " + this + " was used after it was closed");
        }
        return address;
    }

    /** The device that it lies on. */
    CudaDevice device() {
        return device;
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
        return false;
    }

    @Override
    public MemorySegment segment() {
        throw new UnsupportedOperationException(
                "tensor " + this + " lies in device memory; use upload and download");
    }

    @Override
    public void upload(MemorySegment source) {
        device.transfers().upload(source, this);
    }

    @Override
    public void download(MemorySegment target) {
        device.transfers().download(this, target);
    }

    @Override
    public Tensor view(long offset, long... viewShape) {
        long viewSize = numElements(viewShape);
        if (offset < 0 || offset + viewSize > size) {
            throw new IllegalArgumentException(
                    "view of " + viewSize + " elements from " + offset + " leaves tensor " + this);
        }
        return new CudaTensor(device, block, false, type, viewShape, address() + offset * type.bytes());
    }

    @Override
    public void close() {
        if (owner) {
            device.release(block);
        }
    }

    @Override
    public String toString() {
        return type + Arrays.toString(shape);
    }
}
