package io.sparsebalance.policies.batching;

import java.util.List;
import java.util.Optional;

/** Moves one micro-batch that has not started from the rank that would end last to a rank that is idle. Pure. */
public final class Reassignment {
    /** A move must end the step earlier by this share, or noise would move work back and forth. */
    private static final double WORTHWHILE = 0.05;

    private Reassignment() {
    }

    /** A micro-batch, the rank that has it, and its predicted seconds on a rank of speed 1. */
    public record Waiting(int microBatch, int rank, double seconds) {}

    /**
     * The best move to an idle rank.
     *
     * @param idleRank has nothing to run
     * @param remainingSeconds predicted for each rank, what it runs now included
     * @param waiting micro-batches that have not started
     * @return micro-batch to move, or nothing if no move ends the step noticeably earlier
     */
    public static Optional<Waiting> pick(int idleRank, List<Double> remainingSeconds, List<Double> rankSpeeds,
            List<Waiting> waiting) {
        Waiting best = null;
        double bestEnd = Double.POSITIVE_INFINITY;
        for (Waiting candidate : waiting) {
            double donor = remainingSeconds.get(candidate.rank());
            double moved = remainingSeconds.get(idleRank) + candidate.seconds() * rankSpeeds.get(idleRank);
            double end = Math.max(moved, donor - candidate.seconds() * rankSpeeds.get(candidate.rank()));
            if (candidate.rank() != idleRank && end < donor * (1 - WORTHWHILE) && end < bestEnd) {
                best = candidate;
                bestEnd = end;
            }
        }
        return Optional.ofNullable(best);
    }
}
