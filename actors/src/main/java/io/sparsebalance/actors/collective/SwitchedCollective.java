package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A collective that outlives the sets of ranks it sums over: each generation brings another one below it. Closing it closes the
 * one of the last generation.
 */
public final class SwitchedCollective implements Collective {
    private volatile Collective current;
    /** Device thread. */
    private long numSwitches;

    /** Uses another collective from now on, and closes the one before. Device thread. */
    public void switchTo(Collective next) {
        Collective before = current;
        current = next;
        numSwitches++;
        if (before != null) {
            before.close();
        }
    }

    @Override
    public long allReduceSum(MemorySegment values, long step) {
        return connected().allReduceSum(values, step);
    }

    @Override
    public long allReduceExact(FixedPointWords partial, MemorySegment total, long step) {
        return connected().allReduceExact(partial, total, step);
    }

    @Override
    public boolean isInProcess() {
        return connected().isInProcess();
    }

    @Override
    public long allReduceSum(Summand own, long step) {
        return connected().allReduceSum(own, step);
    }

    @Override
    public Seat seat() {
        Seat seat = connected().seat();
        return new Seat(numSwitches, seat.rank(), seat.numRanks());
    }

    @Override
    public Optional<CollectiveException> failure() {
        Collective now = current;
        return now == null ? Optional.empty() : now.failure();
    }

    @Override
    public void abort(Throwable cause) {
        Collective now = current;
        if (now != null) {
            now.abort(cause);
        }
    }

    private Collective connected() {
        Collective now = current;
        if (now == null) {
            throw new CollectiveException("this rank is not connected to others: its generation is not complete", null);
        }
        return now;
    }

    @Override
    public void close() {
        Collective now = current;
        if (now != null) {
            now.close();
        }
    }
}
