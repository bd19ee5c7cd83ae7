package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcuda.driver.JCudaDriver;

/** A tensor in page-locked memory of the host, which the GPU copies from and to at full speed. */
final class PinnedTensor implements Tensor {
    private final CudaContext context;
    private final Handles.HostAddress address;
    private final boolean owner;
    private final DType type;
    private final long[] shape;
    private final MemorySegment segment;
    private boolean closed;

    private PinnedTensor(CudaContext context, Handles.HostAddress address, boolean owner, DType type, long[] shape,
            MemorySegment segment) {
        this.context = context;
        this.address = address;
        this.owner = owner;
        this.type = type;
        this.shape = shape.clone();
        this.segment = segment;
    }

    /** Allocates zeroed memory. */
    static PinnedTensor allocate(CudaContext context, DType type, long[] shape) {
        long bytes = Math.multiplyExact(CudaTensor.numElements(shape), type.bytes());
        context.enter();
        MemorySegment segment;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(ValueLayout.JAVA_LONG);
            CudaErrors.check(CudaDriver.allocateHost(address, Math.max(1, bytes)),
                    "page-locking " + bytes + " bytes for " + type + Arrays.toString(shape));
            segment = MemorySegment.ofAddress(address.get(ValueLayout.JAVA_LONG, 0)).reinterpret(bytes,
                    Arena.global(), null);
        }
        segment.fill((byte) 0);
        return new PinnedTensor(context, new Handles.HostAddress(segment), true, type, shape, segment);
    }

    @Override
    public DType type() {
        return type;
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public long size() {
        return segment.byteSize() / type.bytes();
    }

    @Override
    public boolean isAddressable() {
        return true;
    }

    @Override
    public MemorySegment segment() {
        if (closed) {
            throw new IllegalStateException("page-locked tensor " + this + " was used after it was closed");
        }
        return segment;
    }

    @Override
    public void upload(MemorySegment source) {
        segment().copyFrom(source.asSlice(0, segment.byteSize()));
    }

    @Override
    public void download(MemorySegment target) {
        target.asSlice(0, segment.byteSize()).copyFrom(segment());
    }

    @Override
    public Tensor view(long offset, long... viewShape) {
        long bytes = Math.multiplyExact(CudaTensor.numElements(viewShape), type.bytes());
        return new PinnedTensor(context, address, false, type, viewShape,
                segment().asSlice(offset * type.bytes(), bytes));
    }

    @Override
    public void close() {
        if (owner && !closed) {
            closed = true;
            context.enter();
            CudaErrors.check(JCudaDriver.cuMemFreeHost(address), "cuMemFreeHost");
        }
    }

    @Override
    public String toString() {
        return type + Arrays.toString(shape);
    }
}
