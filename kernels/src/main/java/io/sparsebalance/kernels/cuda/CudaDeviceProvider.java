package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.Capability;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceProvider;
import io.sparsebalance.kernels.DeviceSettings;
import java.util.List;
import java.util.Optional;

/** Makes {@link CudaDevice} known as {@code cuda}. */
public final class CudaDeviceProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cuda";
    }

    @Override
    public Optional<String> missing() {
        try {
            CudaDriver.get();
            CublasLt.get();
            return Optional.empty();
        } catch (IllegalStateException e) {
            return Optional.of(e.getMessage());
        }
    }

    @Override
    public List<Capability> capabilities() {
        return CudaCapabilities.list();
    }

    @Override
    public Device open(DeviceSettings settings) {
        return new CudaDevice(settings);
    }
}
