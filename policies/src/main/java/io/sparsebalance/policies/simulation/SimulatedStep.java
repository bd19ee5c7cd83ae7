package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Completion;
import io.sparsebalance.policies.step.StepInFlight;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * One step's micro-batches on a virtual clock: ranks ask, run what they are granted and ask again, as the actors do, from the
 * first grant to the last completion.
 */
public final class SimulatedStep {
    /** A rank that was given nothing asks again after this time. */
    private static final long REPEAT_REQUEST_NANOS = 2_000_000_000L;
    private static final int NONE = -1;

    private final StepInFlight step;
    private final Balancing balancing;
    private final BusyTimes times;
    private final EventQueue events;
    private final long[] grantedNanos;
    private long decisionNanos;

    /** How long a rank is busy with a micro-batch that is granted to it now, in nanoseconds. */
    @FunctionalInterface
    public interface BusyTimes {
        /** Positive. */
        long nanos(int microBatch, int rank);
    }

    /**
     * What came of it.
     *
     * @param nanos from the first grant to the last completion, or to the loss of a rank
     * @param isLost whether a rank was lost, so that the step has to be run again without it
     * @param decisionNanos real time that revisions took
     */
    public record Outcome(long nanos, boolean isLost, long decisionNanos) {}

    /** A step of which nothing has started. */
    public SimulatedStep(StepInFlight step, Balancing balancing, BusyTimes times) {
        this.step = step;
        this.balancing = balancing;
        this.times = times;
        this.events = new EventQueue(step.numRanks());
        this.grantedNanos = new long[step.numRanks()];
    }

    /** Runs to the end. */
    public Outcome run() {
        return run(OptionalInt.empty());
    }

    /**
     * Runs to the end, or until a rank is lost: when it would complete its first micro-batch, or at the end if it has none.
     *
     * @param lostRank that is lost
     */
    Outcome run(OptionalInt lostRank) {
        Arrays.fill(grantedNanos, NONE);
        for (int rank = 0; rank < step.numRanks(); rank++) {
            ask(rank, 0);
        }
        long now = 0;
        while (!step.isDone()) {
            if (events.isEmpty()) {
                throw new IllegalStateException("micro-batches wait for a rank that does not ask");
            }
            now = events.nextNanos();
            int rank = events.remove();
            OptionalInt ran = step.granted(rank);
            if (ran.isPresent()) {
                if (lostRank.isPresent() && lostRank.getAsInt() == rank) {
                    return new Outcome(now, true, decisionNanos);
                }
                Completion done = new Completion(ran.getAsInt(), rank, now - grantedNanos[rank], 0);
                step.complete(done);
                long start = System.nanoTime();
                balancing.revise(step, done);
                decisionNanos += System.nanoTime() - start;
            }
            if (!step.isDone()) {
                ask(rank, now);
            }
        }
        return new Outcome(now, lostRank.isPresent(), decisionNanos);
    }

    private void ask(int rank, long now) {
        OptionalInt granted = balancing.grant(step, rank);
        if (granted.isPresent()) {
            grantedNanos[rank] = now;
            events.add(now + times.nanos(granted.getAsInt(), rank), rank);
        } else if (balancing.mayMove(step)) {
            events.add(now + REPEAT_REQUEST_NANOS, rank);
        }
    }
}
