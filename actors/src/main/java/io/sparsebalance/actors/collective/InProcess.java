package io.sparsebalance.actors.collective;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sums over the ranks of one JVM through shared memory, of the host or of a device: each rank adds up one slice of all arrays
 * in rank order and writes it to all of them, so every rank ends with the same bits, whoever was first.
 */
public final class InProcess {
    private final int numRanks;
    private final long timeoutNanos;
    private final Summand[] arrays;
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
        this.arrays = new Summand[numRanks];
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
                return InProcess.this.allReduceSum(rank, new HostArray(values), atStep);
            }

            @Override
            public boolean isInProcess() {
                return true;
            }

            @Override
            public long allReduceSum(Summand own, long atStep) {
                return InProcess.this.allReduceSum(rank, own, atStep);
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

    private long allReduceSum(int rank, Summand values, long atStep) {
        long entry = System.nanoTime();
        long waited = Math.max(0, arrive(rank, values, atStep, true) - entry);
        try {
            addSlice(rank);
        } finally {
            added();
        }
        arrive(rank, values, atStep, false);
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
    private synchronized long arrive(int rank, Summand values, long atStep, boolean enters) {
        check();
        if (numPresent == 0) {
            step = atStep;
        } else if (step != atStep) {
            abort(new IllegalStateException(
                    "rank " + rank + " reduces step " + atStep + " while others reduce step " + step));
            check();
        }
        arrays[rank] = values;
        present[rank] = true;
        if (enters) {
            lastEntry = System.nanoTime();
        }
        if (++numPresent == numRanks) {
            checkSizes();
            numAdding = enters ? numRanks : 0;
            numPresent = 0;
            Arrays.fill(present, false);
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
            throw new CollectiveException("the reduce of gradients was given up: " + aborted.getMessage(), aborted);
        }
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
        for (Summand array : arrays) {
            if (array.size() != arrays[0].size() || array.getClass() != arrays[0].getClass()) {
                abort(new IllegalStateException("ranks reduce " + describe(array) + " and " + describe(arrays[0])));
                check();
            }
        }
    }

    private static String describe(Summand array) {
        return array.getClass().getSimpleName() + " of " + array.size() + " elements";
    }

    private synchronized void abort(Throwable cause) {
        if (aborted == null) {
            aborted = cause;
        }
        notifyAll();
    }

    private void addSlice(int rank) {
        long size = arrays[rank].size();
        arrays[rank].sumSlice(Arrays.asList(arrays), size * rank / numRanks, size * (rank + 1) / numRanks);
    }
}
