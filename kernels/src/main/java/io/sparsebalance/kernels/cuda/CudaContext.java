package io.sparsebalance.kernels.cuda;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUuuid;
import jcuda.driver.JCudaDriver;

/**
 * The primary context of one GPU, shared by all devices of this process on that GPU, and current on every thread that calls
 * {@link #enter}.
 */
final class CudaContext implements AutoCloseable {
    private static final int NAME_BYTES = 256;
    /** The context that is current on a thread: setting it anew for every call would cost more than asking. */
    private static final ThreadLocal<CudaContext> CURRENT = new ThreadLocal<>();

    private final int ordinal;
    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final DeviceProperties properties;

    /**
     * What a GPU is.
     *
     * @param name as the vendor writes it
     * @param major compute capability, 9 in 9.0
     * @param minor compute capability, 0 in 9.0
     * @param numMultiprocessors streaming multiprocessors
     * @param totalBytes device memory
     * @param maxSharedBytes most dynamic shared memory of a block, with opting in
     * @param l2Bytes second-level cache
     */
    record DeviceProperties(String name, int major, int minor, int numMultiprocessors, long totalBytes,
            int maxSharedBytes, int l2Bytes) {
        /** Compute capability as {@code 90}. */
        int computeCapability() {
            return major * 10 + minor;
        }
    }

    /** Retains the context of a GPU and makes it current. */
    CudaContext(int ordinal) {
        this.ordinal = ordinal;
        this.device = CudaDriver.get().device(ordinal);
        this.properties = properties(device);
        CudaErrors.check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device),
                "opening a context on GPU " + ordinal + " (" + properties.name() + ")");
        try {
            enter();
        } catch (RuntimeException e) {
            release(e);
            throw e;
        }
    }

    /** Reads what a GPU is; needs no context. */
    static DeviceProperties properties(CUdevice device) {
        byte[] name = new byte[NAME_BYTES];
        CudaErrors.check(JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device), "cuDeviceGetName");
        int length = 0;
        while (length < NAME_BYTES && name[length] != 0) {
            length++;
        }
        long[] totalBytes = new long[1];
        CudaErrors.check(JCudaDriver.cuDeviceTotalMem(totalBytes, device), "cuDeviceTotalMem");
        return new DeviceProperties(new String(name, 0, length, StandardCharsets.UTF_8),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT), totalBytes[0],
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
    }

    private static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        CudaErrors.check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device),
                "cuDeviceGetAttribute " + attribute);
        return value[0];
    }

    /** Number of the GPU in this process. */
    int ordinal() {
        return ordinal;
    }

    /** Number that no other GPU has: 16 bytes. */
    byte[] uuid() {
        CUuuid uuid = new CUuuid();
        CudaErrors.check(JCudaDriver.cuDeviceGetUuid(uuid, device), "cuDeviceGetUuid");
        return uuid.bytes;
    }

    /** What the GPU is. */
    DeviceProperties properties() {
        return properties;
    }

    /** Makes the context current on the calling thread; cheap when it is. */
    void enter() {
        if (CURRENT.get() != this) {
            CudaErrors.check(JCudaDriver.cuCtxSetCurrent(context), "cuCtxSetCurrent on GPU " + ordinal);
            CURRENT.set(this);
        }
    }

    /** Free bytes of the GPU, all processes counted. */
    long freeBytes() {
        enter();
        long[] free = new long[1];
        long[] total = new long[1];
        CudaErrors.check(JCudaDriver.cuMemGetInfo(free, total), "cuMemGetInfo on GPU " + ordinal);
        return free[0];
    }

    private void release(RuntimeException failure) {
        try {
            close();
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
    }

    /** Gives the context back; it ends when the last device on the GPU does. */
    @Override
    public void close() {
        CURRENT.remove();
        CudaErrors.check(JCudaDriver.cuDevicePrimaryCtxRelease(device), "closing the context on GPU " + ordinal);
    }
}
