package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DType;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jcuda.driver.JCudaDriver;

/**
 * Copies between the host's memory and the device's, in order with the stream; each call waits. Arrays of the Java heap, and
 * native memory that is not page-locked, go through a page-locked buffer piece by piece.
 */
final class Transfers implements AutoCloseable {
    private static final long STAGING_BYTES = 4L << 20;

    private final CudaContext context;
    private final CudaStream stream;
    private PinnedTensor staging;

    Transfers(CudaContext context, CudaStream stream) {
        this.context = context;
        this.stream = stream;
    }

    void upload(MemorySegment source, CudaTensor target) {
        CudaChecks.that(source.byteSize() == target.bytes(), "upload",
                "the host memory has " + source.byteSize() + " bytes, but tensor " + target + " has " + target.bytes());
        context.enter();
        if (source.isNative()) {
            try {
                toDevice(source, target, 0);
            } finally {
                // The driver knows only an address: the memory behind it must not be collected meanwhile.
                Reference.reachabilityFence(source);
            }
            return;
        }
        MemorySegment buffer = staging();
        for (long done = 0; done < source.byteSize(); done += STAGING_BYTES) {
            MemorySegment piece = buffer.asSlice(0, Math.min(STAGING_BYTES, source.byteSize() - done));
            piece.copyFrom(source.asSlice(done, piece.byteSize()));
            toDevice(piece, target, done);
        }
    }

    void download(CudaTensor source, MemorySegment target) {
        CudaChecks.that(target.byteSize() == source.bytes(), "download",
                "the host memory has " + target.byteSize() + " bytes, but tensor " + source + " has " + source.bytes());
        context.enter();
        if (target.isNative()) {
            try {
                toHost(source, 0, target);
            } finally {
                Reference.reachabilityFence(target);
            }
            return;
        }
        MemorySegment buffer = staging();
        for (long done = 0; done < target.byteSize(); done += STAGING_BYTES) {
            MemorySegment piece = buffer.asSlice(0, Math.min(STAGING_BYTES, target.byteSize() - done));
            toHost(source, done, piece);
            target.asSlice(done, piece.byteSize()).copyFrom(piece);
        }
    }

    private void toDevice(MemorySegment source, CudaTensor target, long offset) {
        if (source.byteSize() > 0) {
            CudaErrors.check(JCudaDriver.cuMemcpyHtoDAsync(new Handles.DeviceAddress(target.address() + offset),
                    new Handles.HostAddress(source), source.byteSize(), stream.handle()), "upload to " + target);
            stream.synchronize();
        }
    }

    private void toHost(CudaTensor source, long offset, MemorySegment target) {
        if (target.byteSize() > 0) {
            CudaErrors.check(JCudaDriver.cuMemcpyDtoHAsync(new Handles.HostAddress(target),
                    new Handles.DeviceAddress(source.address() + offset), target.byteSize(), stream.handle()),
                    "download of " + source);
            stream.synchronize();
        }
    }

    private MemorySegment staging() {
        if (staging == null) {
            staging = PinnedTensor.allocate(context, DType.F32,
                    new long[]{STAGING_BYTES / Float.BYTES});
        }
        return staging.segment();
    }

    @Override
    public void close() {
        if (staging != null) {
            staging.close();
        }
    }
}
