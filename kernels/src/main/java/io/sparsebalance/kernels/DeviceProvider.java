package io.sparsebalance.kernels;

/** Opens one kind of device; found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
    /** The kind as written in the configuration. */
    String kind();

    /**
     * Opens a device; see {@link Devices#open}.
     *
     * @throws IllegalStateException if a library is missing; says which and how to get it
     */
    Device open(DeviceSettings settings);
}
