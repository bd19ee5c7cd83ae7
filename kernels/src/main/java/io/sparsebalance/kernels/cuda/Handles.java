package io.sparsebalance.kernels.cuda;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;

/** JCuda's handles with their values readable, because calls that JCuda lacks or does slowly take them through FFM. */
final class Handles {
    private Handles() {
    }

    /** An address in device memory. */
    static final class DeviceAddress extends CUdeviceptr {
        /** To be filled in by the driver. */
        DeviceAddress() {
        }

        /** A known address: an offset from null. */
        DeviceAddress(long address) {
            super(new CUdeviceptr(), address);
        }

        long value() {
            return getNativePointer() + getByteOffset();
        }
    }

    /** An address in the host's memory. */
    static final class HostAddress extends Pointer {
        /** Of native memory; the caller keeps it open. */
        HostAddress(MemorySegment memory) {
            super(memory.address());
        }
    }

    /** A kernel. */
    static final class Function extends CUfunction {
        long value() {
            return getNativePointer();
        }
    }

    /** A stream. */
    static final class StreamHandle extends CUstream {
        long value() {
            return getNativePointer();
        }
    }
}
