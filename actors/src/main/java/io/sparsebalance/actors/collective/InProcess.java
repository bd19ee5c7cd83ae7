package io.sparsebalance.actors.collective;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Sums over the ranks of one JVM through shared memory: each rank adds up one slice of all arrays in rank order and writes it
 * to all of them, so every rank ends with the same bits, whoever was first.
 */
public final class InProcess {
    private static final int CHUNK = 4096;

    private final int numRanks;
    private final long timeoutNanos;
    private final MemorySegment[] arrays;
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
        this.arrays = new MemorySegment[numRanks];
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
                return InProcess.this.allReduceSum(rank, values, atStep);
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

    private long allReduceSum(int rank, MemorySegment values, long atStep) {
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
    private synchronized long arrive(int rank, MemorySegment values, long atStep, boolean enters) {
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
        for (MemorySegment array : arrays) {
            if (array.byteSize() != arrays[0].byteSize()) {
                abort(new IllegalStateException(
                        "ranks reduce arrays of " + array.byteSize() + " and " + arrays[0].byteSize() + " bytes"));
                check();
            }
        }
    }

    private synchronized void abort(Throwable cause) {
        if (aborted == null) {
            aborted = cause;
        }
        notifyAll();
    }

    /** Adds up this rank's slice of all arrays, in rank order, chunk by chunk in the cache. */
    private void addSlice(int rank) {
        long size = arrays[0].byteSize() / Float.BYTES;
        long from = size * rank / numRanks;
        long to = size * (rank + 1) / numRanks;
        float[] sum = new float[CHUNK];
        float[] part = new float[CHUNK];
        for (long at = from; at < to; at += CHUNK) {
            int length = (int) Math.min(CHUNK, to - at);
            MemorySegment.copy(arrays[0], ValueLayout.JAVA_FLOAT, at * Float.BYTES, sum, 0, length);
            for (int r = 1; r < numRanks; r++) {
                MemorySegment.copy(arrays[r], ValueLayout.JAVA_FLOAT, at * Float.BYTES, part, 0, length);
                for (int i = 0; i < length; i++) {
                    sum[i] += part[i];
                }
            }
            for (MemorySegment array : arrays) {
                MemorySegment.copy(sum, 0, array, ValueLayout.JAVA_FLOAT, at * Float.BYTES, length);
            }
        }
    }
}
