package io.sparsebalance.kernels.cuda;

import io.sparsebalance.kernels.DeviceGroup;
import io.sparsebalance.kernels.DeviceGroupException;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A communicator. Nothing blocks in the library: what was begun is asked for, and given up when the time is over, so that a rank
 * that is not there can never hold this one. Device thread.
 */
final class NcclGroup implements DeviceGroup {
    private static final Logger LOG = LoggerFactory.getLogger(NcclGroup.class);
    private static final long LEAVE_NANOS = 2_000_000_000L;
    /** A reduce takes milliseconds: this costs little of it, and leaves the core to others. */
    private static final long PAUSE_NANOS = 20_000;

    private final Nccl nccl;
    private final Queue queue;
    private final int rank;
    private final int numRanks;
    private final long communicator;
    private boolean over;

    /** Where the work is queued that a sum comes after. */
    interface Queue {
        /** {@code cudaStream_t}. */
        long address();

        /** Whether all that was queued is done. */
        boolean isDone();
    }

    /** Connects; as {@code DeviceLinks.connect}. */
    NcclGroup(Nccl nccl, Queue queue, byte[] id, int rank, int numRanks, Duration timeout, BooleanSupplier givenUp) {
        this.nccl = nccl;
        this.queue = queue;
        this.rank = rank;
        this.numRanks = numRanks;
        long deadline = System.nanoTime() + timeout.toNanos();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
            int code = nccl.begin(out, id, rank, numRanks);
            communicator = out.get(ValueLayout.JAVA_LONG, 0);
            await(code, "connecting " + numRanks + " GPUs", deadline, givenUp);
        }
    }

    @Override
    public void allReduceSum(Tensor values, Duration timeout, BooleanSupplier givenUp) {
        sum(((CudaTensor) values).address(), values.size(), timeout, givenUp);
    }

    /**
     * As {@link #allReduceSum}. Each element is added up by one rank, which gives it to the others, so that no two can differ.
     *
     * @param address of F32
     */
    void sum(long address, long size, Duration timeout, BooleanSupplier givenUp) {
        if (over) {
            throw new DeviceGroupException("the GPUs are not connected any more: an earlier sum of theirs failed");
        }
        long deadline = System.nanoTime() + timeout.toNanos();
        long part = size / numRanks;
        long own = address + rank * part * Float.BYTES;
        long rest = size - part * numRanks;
        if (part > 0) {
            run(() -> nccl.reduceScatter(address, own, part, communicator, queue.address()), deadline, givenUp);
            run(() -> nccl.allGather(own, address, part, communicator, queue.address()), deadline, givenUp);
        }
        if (rest > 0) {
            long at = address + part * numRanks * Float.BYTES;
            run(() -> nccl.allReduce(at, rest, communicator, queue.address()), deadline, givenUp);
        }
        while (!queue.isDone()) {
            await(nccl.state(communicator), "adding up", deadline, givenUp);
            pause(deadline, "adding up", givenUp);
        }
        await(nccl.state(communicator), "adding up", deadline, givenUp);
    }

    private void run(IntSupplier call, long deadline, BooleanSupplier givenUp) {
        await(call.getAsInt(), "adding up", deadline, givenUp);
    }

    /** Until what was begun is given to the devices. */
    private void await(int code, String doing, long deadline, BooleanSupplier givenUp) {
        int state = code;
        while (state == Nccl.IN_PROGRESS) {
            pause(deadline, doing, givenUp);
            state = nccl.state(communicator);
        }
        if (state != Nccl.SUCCESS) {
            throw failure(doing + " failed: NCCL error " + nccl.meaning(state)
                    + "; set NCCL_DEBUG=WARN in the environment to see why");
        }
    }

    private void pause(long deadline, String doing, BooleanSupplier givenUp) {
        if (givenUp.getAsBoolean()) {
            throw failure(doing + " was given up");
        }
        if (System.nanoTime() - deadline >= 0) {
            throw failure(doing + " did not end in time: another rank's GPU does not take part");
        }
        LockSupport.parkNanos(PAUSE_NANOS);
    }

    private DeviceGroupException failure(String what) {
        abort();
        return new DeviceGroupException("rank " + rank + " of " + numRanks + " GPUs: " + what);
    }

    @Override
    public void abort() {
        if (!over) {
            over = true;
            // A communicator that never came to be is null.
            int code = communicator == 0 ? Nccl.SUCCESS : nccl.abort(communicator);
            if (code != Nccl.SUCCESS && code != Nccl.IN_PROGRESS) {
                LOG.warn("a connection between GPUs could not be ended: NCCL error {}", nccl.meaning(code));
            }
        }
    }

    @Override
    public void close() {
        if (over) {
            return;
        }
        try {
            await(nccl.finish(communicator), "leaving", System.nanoTime() + LEAVE_NANOS, () -> false);
        } catch (DeviceGroupException e) {
            // The others may be gone already; it was ended at once instead.
            LOG.debug("a connection between GPUs was not left in order: {}", e.getMessage());
            return;
        }
        over = true;
        int code = nccl.destroy(communicator);
        if (code != Nccl.SUCCESS && code != Nccl.IN_PROGRESS) {
            LOG.warn("a connection between GPUs could not be freed: NCCL error {}", nccl.meaning(code));
        }
    }
}
