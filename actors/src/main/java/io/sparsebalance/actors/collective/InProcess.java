package io.sparsebalance.actors.collective;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Sums over the ranks of one JVM through shared memory: each rank adds up one slice of all arrays in rank order and writes it
 * to all of them, so every rank ends with the same bits, whoever was first.
 */
public final class InProcess {
    private final int numRanks;
    private final long timeoutNanos;
    private final Addend[] addends;
    private final boolean[] present;
    private int numPresent;
    /** Ranks that may still write to the others' arrays. */
    private int numAdding;
    private long round;
    private long step;
    private long lastEntry;
    private Throwable aborted;

    private InProcess(int numRanks, Duration timeout) {
        this.numRanks = numRanks;
        this.timeoutNanos = timeout.toNanos();
        this.addends = new Addend[numRanks];
        this.present = new boolean[numRanks];
    }

    /**
     * One collective for each rank.
     *
     * @param timeout longest wait for the others; then the call fails and names who is missing
     */
    public static List<Collective> create(int numRanks, Duration timeout) {
        InProcess shared = new InProcess(numRanks, timeout);
        List<Collective> collectives = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            collectives.add(shared.member(rank));
        }
        return collectives;
    }

    private Collective member(int rank) {
        return new Collective() {
            @Override
            public long allReduceSum(MemorySegment values, long atStep) {
                return InProcess.this.allReduce(rank, new Addend.Floats(values), atStep);
            }

            @Override
            public long allReduceExact(FixedPointWords partial, MemorySegment total, long atStep) {
                return InProcess.this.allReduce(rank, new Addend.Exact(partial, total), atStep);
            }

            @Override
            public boolean isInProcess() {
                return true;
            }

            @Override
            public long allReduceSum(Summand own, long atStep) {
                return InProcess.this.allReduce(rank, new Addend.Shared(own), atStep);
            }

            @Override
            public Seat seat() {
                return new Seat(0, rank, numRanks);
            }

            @Override
            public Optional<CollectiveException> failure() {
                return InProcess.this.failure();
            }

            @Override
            public void abort(Throwable cause) {
                InProcess.this.abort(cause);
            }

            @Override
            public void close() {
                // Nothing is held.
            }
        };
    }

    private long allReduce(int rank, Addend addend, long atStep) {
        long entry = System.nanoTime();
        long waited = Math.max(0, arrive(rank, addend, atStep, true) - entry);
        long firstVoid;
        try {
            List<Addend> all = List.of(addends);
            SliceSums.add(all, rank);
            // Before the end: then the others may clear their sums.
            firstVoid = SliceSums.firstVoid(all);
        } finally {
            added();
        }
        arrive(rank, addend, atStep, false);
        FixedPointSum.poison(addend.total(), firstVoid);
        return waited;
    }

    private synchronized void added() {
        numAdding--;
        notifyAll();
    }

    /**
     * Waits until every rank is here.
     *
     * @param enters whether the sum begins after this, rather than ends with it
     * @return when the last rank entered the sum
     */
    private synchronized long arrive(int rank, Addend addend, long atStep, boolean enters) {
        check();
        if (numPresent == 0) {
            step = atStep;
        } else if (step != atStep) {
            abort(new IllegalStateException(
                    "rank " + rank + " reduces step " + atStep + " while others reduce step " + step));
            check();
        }
        addends[rank] = addend;
        present[rank] = true;
        if (enters) {
            lastEntry = System.nanoTime();
        }
        if (++numPresent == numRanks) {
            checkSizes();
            numAdding = enters ? numRanks : 0;
            numPresent = 0;
            java.util.Arrays.fill(present, false);
            round++;
            notifyAll();
            return lastEntry;
        }
        await(atStep);
        return lastEntry;
    }

    private void await(long atStep) {
        long waitingFor = round;
        long deadline = System.nanoTime() + timeoutNanos;
        while (round == waitingFor && aborted == null) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                List<Integer> missing = IntStream.range(0, numRanks).filter(r -> !present[r]).boxed().toList();
                abort(new IllegalStateException(
                        "rank " + missing + " did not come to reduce step " + atStep + " within "
                                + Duration.ofNanos(timeoutNanos).toSeconds() + " s"));
                break;
            }
            try {
                wait(left / 1_000_000, (int) (left % 1_000_000));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                abort(e);
            }
        }
        if (round == waitingFor) {
            check();
        }
    }

    private void check() {
        if (aborted != null) {
            awaitAdding();
            throw failure().orElseThrow();
        }
    }

    private synchronized Optional<CollectiveException> failure() {
        return Optional.ofNullable(aborted).map(cause -> new CollectiveException(
                "the reduce of gradients was given up: " + cause.getMessage(), cause));
    }

    /** A caller that is told of a failure may free its array: not before the others have stopped writing to it. */
    private void awaitAdding() {
        boolean interrupted = false;
        while (numAdding > 0) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void checkSizes() {
        for (Addend addend : addends) {
            if (addend.getClass() != addends[0].getClass() || addend.numElements() != addends[0].numElements()) {
                abort(new IllegalStateException("ranks reduce " + describe(addend) + " and " + describe(addends[0])
                        + "; run.reduction and the model must be the same on all"));
                check();
            }
        }
    }

    private static String describe(Addend addend) {
        return addend.numElements() + (addend instanceof Addend.Exact ? " elements exactly" : " floats");
    }

    private synchronized void abort(Throwable cause) {
        if (aborted == null) {
            aborted = cause;
        }
        notifyAll();
    }
}
