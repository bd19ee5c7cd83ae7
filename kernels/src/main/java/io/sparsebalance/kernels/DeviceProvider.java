package io.sparsebalance.kernels;

import java.util.List;
import java.util.Optional;

/** Opens one kind of device; found through {@link java.util.ServiceLoader}. */
public interface DeviceProvider {
    /** The kind as written in the configuration. */
    String kind();

    /** Why no device of this kind can be opened in this process: what is missing and how to get it; empty if one can. */
    Optional<String> missing();

    /** What this machine offers to devices of this kind, part by part. */
    List<Capability> capabilities();

    /**
     * Opens a device; see {@link Devices#open}.
     *
     * @throws IllegalStateException if a library is missing; says which and how to get it
     */
    Device open(DeviceSettings settings);
}
