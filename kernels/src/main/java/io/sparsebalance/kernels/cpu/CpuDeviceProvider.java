package io.sparsebalance.kernels.cpu;

import io.sparsebalance.kernels.Capability;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceProvider;
import io.sparsebalance.kernels.DeviceSettings;
import java.util.List;
import java.util.Optional;

/** Makes {@link CpuDevice} known as {@code cpu}. */
public final class CpuDeviceProvider implements DeviceProvider {
    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public Optional<String> missing() {
        try {
            OpenBlas.get();
            return Optional.empty();
        } catch (IllegalStateException e) {
            return Optional.of(e.getMessage());
        }
    }

    @Override
    public List<Capability> capabilities() {
        return List.of(Capability.found("processors", Integer.toString(Runtime.getRuntime().availableProcessors())),
                Capability.found("vectors", Rows.SPECIES.vectorBitSize() + " bits, Vector API"),
                missing().map(reason -> Capability.missing("OpenBLAS", reason))
                        .orElseGet(() -> Capability.found("OpenBLAS", OpenBlas.get().config())));
    }

    @Override
    public Device open(DeviceSettings settings) {
        return new CpuDevice(settings.numThreads());
    }
}
