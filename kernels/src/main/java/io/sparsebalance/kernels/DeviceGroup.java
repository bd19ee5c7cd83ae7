package io.sparsebalance.kernels;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Devices that are connected, as one of them sees it. Device thread. After a failure it is of no more use. */
public interface DeviceGroup extends AutoCloseable {
    /**
     * Replaces a tensor by its sum over the ranks, with the same bits on all, after the work given to the device so far. Returns
     * when it is done.
     *
     * @param values F32, as many on all ranks
     * @param timeout longest wait for the others
     * @param givenUp asked again and again while waiting: true ends the wait
     * @throws DeviceGroupException if it did not complete; nothing uses the tensor any more
     */
    void allReduceSum(Tensor values, Duration timeout, BooleanSupplier givenUp);

    /** Leaves the group at once, whatever the others do; then only {@link #close} may be called, which does nothing. */
    void abort();

    /** Leaves the group: in order, or, after a failure, at once. All leave it together. */
    @Override
    void close();
}
