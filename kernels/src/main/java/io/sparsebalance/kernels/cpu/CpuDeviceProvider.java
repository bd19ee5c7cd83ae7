package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceProvider;

/** Makes {@link CpuDevice} known as {@code cpu}. */
public final class CpuDeviceProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public Device open(int numThreads) {
        return new CpuDevice(numThreads);
    }
}
