package io.sparsebalance.kernels;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Connects a device with those of other ranks, so that they add up tensors without a way over the host. Device thread. */
public interface DeviceLinks {
    /** Library in use, for people. */
    String description();

    /** A number of the physical device, the same in all processes: two ranks on one cannot be connected. */
    long identity();

    /** Bytes by which the ranks of one group find each other: one rank makes them, all others must be given them. */
    byte[] newGroup();

    /**
     * Connects; all ranks of the group must come.
     *
     * @param group what one of them got from {@link #newGroup}
     * @param timeout longest wait for the others
     * @param givenUp asked again and again while waiting: true ends the wait
     * @throws DeviceGroupException if one did not come, or the devices cannot reach each other
     */
    DeviceGroup connect(byte[] group, int rank, int numRanks, Duration timeout, BooleanSupplier givenUp);
}
