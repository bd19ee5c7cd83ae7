package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceProvider;
import io.sparsebalance.kernels.DeviceSettings;

/** Makes {@link CudaDevice} known as {@code cuda}. */
public final class CudaDeviceProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cuda";
    }

    @Override
    public Device open(DeviceSettings settings) {
        return new CudaDevice(settings);
    }
}
