package io.sparsebalance.kernels;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.SortedMap;
import java.util.TreeMap;

/** Opens devices by kind. */
public final class Devices {
    private static final String CPU = "cpu";
    private static final String CUDA = "cuda";

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
        return provider(kind).open(settings);
    }

    /**
     * What {@code auto} means here.
     *
     * @param kind {@code cuda} or {@code cpu}
     * @param reason why, for people
     */
    public record Choice(String kind, String reason) {}

    /** Chooses {@code cuda} where a driver, a GPU and cuBLAS are found, else {@code cpu}. */
    public static Choice choose() {
        Optional<String> missing = missing(CUDA);
        return missing.isEmpty()
                ? new Choice(CUDA, "an NVIDIA driver, a GPU and cuBLAS are there")
                : new Choice(CPU, missing.get());
    }

    /**
     * Why no device of a kind can be opened in this process; empty if one can.
     *
     * @throws IllegalArgumentException if the kind is unknown; names the known ones
     */
    public static Optional<String> missing(String kind) {
        return provider(kind).missing();
    }

    /** What this machine offers, by kind of device. */
    public static SortedMap<String, List<Capability>> capabilities() {
        TreeMap<String, List<Capability>> capabilities = new TreeMap<>();
        providers().forEach((kind, provider) -> capabilities.put(kind, provider.capabilities()));
        return capabilities;
    }

    private static Map<String, DeviceProvider> providers() {
        TreeMap<String, DeviceProvider> providers = new TreeMap<>();
        for (DeviceProvider provider : ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader())) {
            providers.put(provider.kind(), provider);
        }
        return providers;
    }

    private static DeviceProvider provider(String kind) {
        Map<String, DeviceProvider> providers = providers();
        DeviceProvider provider = providers.get(kind);
        if (provider == null) {
            throw new IllegalArgumentException(
                    "there is no device kind '" + kind + "'; known: "
                            + String.join(", ", List.copyOf(providers.keySet())));
        }
        return provider;
    }
}
