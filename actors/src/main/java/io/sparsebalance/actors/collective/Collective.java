package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Sums gradients over the ranks. One instance belongs to one rank and is used by one thread at a time, except
 * {@link #abort} and {@link #failure}, which any thread may call.
 */
public interface Collective extends AutoCloseable {
    /**
     * Replaces every rank's array by the sum over ranks, with the same bits on all. Returns when this rank's array is done.
     *
     * @param values F32 in memory that the JVM can address; the same number of elements on all ranks
     * @param step all ranks must name the same one
     * @return nanoseconds waited for the last rank to enter
     * @throws CollectiveException if a rank did not come within the time limit (it is named), a rank came with another step,
     *             or the collective was aborted
     */
    long allReduceSum(MemorySegment values, long step);

    /**
     * Adds up every rank's fixed-point sum without regard to order, and writes the nearest floats, with the same bits for any
     * number of ranks. Where one of the sums is void, the floats hold NaN.
     *
     * @param partial of this rank; not changed
     * @param total F32 in memory that the JVM can address; overwritten
     * @param step all ranks must name the same one
     * @return nanoseconds waited for the last rank to enter
     * @throws CollectiveException as {@link #allReduceSum}
     */
    long allReduceExact(FixedPointWords partial, MemorySegment total, long step);

    /** Whether all ranks are in this JVM, so that {@link #allReduceSum(Summand, long)} can be called. */
    default boolean isInProcess() {
        return false;
    }

    /**
     * As {@link #allReduceSum(MemorySegment, long)}, for arrays that know how to add themselves up: those of a device, without a
     * way over the host.
     *
     * @param own this rank's; nothing that is under way may still write to it
     * @throws UnsupportedOperationException if ranks are in several processes
     */
    default long allReduceSum(Summand own, long step) {
        throw new UnsupportedOperationException(
                "ranks in other processes cannot reach the memory of this one's arrays");
    }

    /**
     * Whether the devices of all ranks are connected, so that {@link #allReduceSum(Tensor, long)} can be called. All ranks ask
     * before each reduce: after a change of ranks this connects them.
     *
     * @throws CollectiveException as {@link #allReduceSum(MemorySegment, long)}
     */
    default boolean linksDevices(long step) {
        return false;
    }

    /**
     * As {@link #allReduceSum(MemorySegment, long)}, for F32 in the memory of connected devices.
     *
     * @throws UnsupportedOperationException if devices cannot be connected
     */
    default long allReduceSum(Tensor values, long step) {
        throw new UnsupportedOperationException("the devices of these ranks are not connected");
    }

    /** This rank's place among the others. */
    Seat seat();

    /** Why no reduce can complete any more: it was aborted, or a rank was lost; empty while all is well. Any thread. */
    Optional<CollectiveException> failure();

    /** Wakes every waiting rank with a {@link CollectiveException} that carries the cause; later calls fail alike. */
    void abort(Throwable cause);

    @Override
    void close();
}
