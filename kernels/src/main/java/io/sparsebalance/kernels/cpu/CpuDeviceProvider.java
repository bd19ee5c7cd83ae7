package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceProvider;
import io.sparsebalance.kernels.DeviceSettings;

/** Makes {@link CpuDevice} known as {@code cpu}. */
public final class CpuDeviceProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public Device open(DeviceSettings settings) {
        return new CpuDevice(settings.numThreads());
    }
}
