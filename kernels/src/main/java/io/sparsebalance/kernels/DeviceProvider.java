package io.sparsebalance.kernels;

import java.util.Optional;

/** Opens one kind of device; found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
    /** The kind as written in the configuration. */
    String kind();

    /** Why no device of this kind can be opened in this process: what is missing and how to get it; empty if one can. */
    Optional<String> missing();

    /**
     * Opens a device; see {@link Devices#open}.
     *
     * @throws IllegalStateException if a library is missing; says which and how to get it
     */
    Device open(DeviceSettings settings);
}
