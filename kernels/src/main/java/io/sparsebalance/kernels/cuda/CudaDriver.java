package io.sparsebalance.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/** The driver of this process, started once. Safe for use by many threads. */
final class CudaDriver {
    private static final String LIBRARY = "libcuda.so.1";
    private static final int THOUSAND = 1000;
    private static final int TEN = 10;

    private static CudaDriver started;

    private final int version;
    private final int numDevices;

    private CudaDriver(int version, int numDevices) {
        this.version = version;
        this.numDevices = numDevices;
    }

    /** Held apart, so that the handles are constants, and are looked up only where there is a driver. */
    private static final class Calls {
        static final MethodHandle LAUNCH_KERNEL = Linker.nativeLinker().downcallHandle(
                library().find("cuLaunchKernel").orElseThrow(),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS,
                        ValueLayout.JAVA_LONG));
        static final MethodHandle MEM_HOST_ALLOC = Linker.nativeLinker().downcallHandle(
                library().find("cuMemHostAlloc").orElseThrow(), FunctionDescriptor.of(ValueLayout.JAVA_INT,
                        ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT));
    }

    /**
     * Starts the driver on the first call.
     *
     * @throws IllegalStateException if there is no driver or no device; says what is missing and how to get it
     */
    static synchronized CudaDriver get() {
        if (started == null) {
            started = start();
        }
        return started;
    }

    private static CudaDriver start() {
        library();
        JCudaNatives.load();
        int code = JCudaDriver.cuInit(0);
        if (code != 0) {
            throw new IllegalStateException("the NVIDIA driver does not start: "
                    + CudaErrors.exception(code, "cuInit").getMessage()
                    + ". Check that nvidia-smi lists a device, and that this user may open /dev/nvidia*.");
        }
        int[] value = new int[1];
        CudaErrors.check(JCudaDriver.cuDriverGetVersion(value), "cuDriverGetVersion");
        int version = value[0];
        CudaErrors.check(JCudaDriver.cuDeviceGetCount(value), "cuDeviceGetCount");
        if (value[0] == 0) {
            throw new IllegalStateException(
                    "the NVIDIA driver lists no device; check CUDA_VISIBLE_DEVICES and nvidia-smi");
        }
        return new CudaDriver(version, value[0]);
    }

    /** {@code libcuda}; throws as {@link #get} if there is none. */
    static SymbolLookup library() {
        try {
            return SymbolLookup.libraryLookup(LIBRARY, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new IllegalStateException("no NVIDIA driver: " + LIBRARY + " is not found. Install the NVIDIA driver"
                    + " (525 or later), or set device.kind=cpu.", e);
        }
    }

    /** Highest CUDA version that the driver supports, as {@code 13.0}. */
    String version() {
        return version / THOUSAND + "." + version % THOUSAND / TEN;
    }

    /** Devices that this process may use, at least 1. */
    int numDevices() {
        return numDevices;
    }

    /** A device by number, from 0. */
    CUdevice device(int ordinal) {
        CUdevice device = new CUdevice();
        CudaErrors.check(JCudaDriver.cuDeviceGet(device, ordinal), "cuDeviceGet of device " + ordinal);
        return device;
    }

    /**
     * {@code cuMemHostAlloc}: page-locks memory of any size, which JCuda, whose buffers end at 2 GiB, cannot.
     *
     * @param address is written
     * @return the driver's result
     */
    static int allocateHost(MemorySegment address, long bytes) {
        try {
            return (int) Calls.MEM_HOST_ALLOC.invokeExact(address, bytes, 0);
        } catch (Throwable e) {
            throw new IllegalStateException("cuMemHostAlloc could not be called: " + e.getMessage(), e);
        }
    }

    /** {@code cuLaunchKernel}; returns the driver's result. */
    static int launchKernel(long function, int gridX, int gridY, int gridZ, int blockX, int sharedBytes, long stream,
            MemorySegment parameters) {
        try {
            return (int) Calls.LAUNCH_KERNEL.invokeExact(function, gridX, gridY, gridZ, blockX, 1, 1, sharedBytes,
                    stream,
                    parameters, 0L);
        } catch (Throwable e) {
            throw new IllegalStateException("cuLaunchKernel could not be called: " + e.getMessage(), e);
        }
    }
}
