package io.sparsebalance.kernels;

import java.util.List;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** Opens devices by kind. */
public final class Devices {
    private Devices() {
    }

    /**
     * Opens a device.
     *
     * @param kind {@code cpu}, {@code cuda}, or the kind of another {@link DeviceProvider} on the class path
     * @param numThreads most threads that one operation may use, the calling one included
     * @throws IllegalArgumentException if the kind is unknown; names the known ones
     * @throws IllegalStateException if a library is missing; says which and how to get it
     */
    public static Device open(String kind, int numThreads) {
        return open(kind, DeviceSettings.ofThreads(numThreads));
    }

    /**
     * Opens a device for one of several ranks.
     *
     * @throws IllegalArgumentException if the kind is unknown; names the known ones
     * @throws IllegalStateException if a library or the device is missing; says which and how to get it
     */
    public static Device open(String kind, DeviceSettings settings) {
        TreeMap<String, DeviceProvider> providers = new TreeMap<>();
        for (DeviceProvider provider : ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader())) {
            providers.put(provider.kind(), provider);
        }
        DeviceProvider provider = providers.get(kind);
        if (provider == null) {
            throw new IllegalArgumentException(
                    "there is no device kind '" + kind + "'; known: "
                            + String.join(", ", List.copyOf(providers.keySet())));
        }
        return provider.open(settings);
    }
}
