package io.sparsebalance.policies.straggler;

/**
 * What to do about a straggler, the mildest remedy that is enough: move micro-batches away from it, then lower budgets, and
 * only then leave it out. Pure.
 *
 * <p>With R ranks of m micro-batches each and one that is s times as slow, no assignment ends before
 * {@code R m / (R - 1 + 1 / s)} (in units of a micro-batch on a healthy rank). Whole micro-batches reach
 * {@code min over j of max(s j, ceil((R m - j) / (R - 1)))} with j left on the slow rank, and budgets, at the guard's floors,
 * a share of that. A rank on which nothing would be left helps nobody, and only then is leaving it out advised.
 */
public final class Remedies {
    /** A remedy is enough when the step ends this close to the best possible end. */
    private static final double ENOUGH = 1.05;

    private Remedies() {
    }

    /** Remedies, from mild to harsh. */
    public enum Action {
        /** Nothing needs to be done. */
        NONE,
        /** Give it fewer micro-batches. */
        MOVE_MICRO_BATCHES,
        /** Also lower the budgets of those that run longest. */
        ADJUST_BUDGETS,
        /** Leave the rank out. */
        EVICT
    }

    /**
     * What remedies have to work with.
     *
     * @param numRanks at least 1
     * @param microBatchesPerRank mean over the ranks
     * @param floorShare predicted seconds of a micro-batch at its floors over those at the base, 0 to 1; 1 where budgets may
     *                   not change
     * @param mayMove whether measured times may change the assignment
     * @param mayEvict whether ranks may be left out
     */
    public record Situation(int numRanks, double microBatchesPerRank, double floorShare, boolean mayMove,
            boolean mayEvict) {
        /** Checks the ranges. */
        public Situation {
            if (numRanks < 1 || !(microBatchesPerRank >= 0) || !(floorShare >= 0 && floorShare <= 1)) {
                throw new IllegalArgumentException("remedies need at least 1 rank, micro-batches and a floor share of 0"
                        + " to 1, but have " + numRanks + ", " + microBatchesPerRank + ", " + floorShare);
            }
        }
    }

    /**
     * A remedy for one rank.
     *
     * @param reason one sentence with the numbers that decided
     */
    public record Advice(int rank, Action action, String reason) {}

    /** The remedy for a rank, NONE if it is no straggler. */
    public static Advice advise(Verdict verdict, Situation situation) {
        if (!verdict.straggler()) {
            return new Advice(verdict.rank(), Action.NONE, "it keeps up");
        }
        if (verdict.cause() == Cause.GC) {
            return new Advice(verdict.rank(), Action.NONE,
                    "garbage collection holds it up: give its JVM more heap; its device is not slow");
        }
        double slowdown = Math.max(1, verdict.slowdown());
        double total = situation.numRanks() * situation.microBatchesPerRank();
        double best = total / (situation.numRanks() - 1 + 1 / slowdown);
        long kept = situation.mayMove()
                ? bestKept(situation, slowdown, total)
                : Math.round(total / situation.numRanks());
        double moved = end(situation, slowdown, total, kept);
        String where = where(verdict, slowdown);
        if (situation.mayMove() && kept > 0 && moved <= ENOUGH * best) {
            return new Advice(verdict.rank(), Action.MOVE_MICRO_BATCHES,
                    where + ": with " + kept + " micro-batches left on it the step ends " + percent(moved / best)
                            + " after the best possible end");
        }
        if (situation.floorShare() < 1 && kept > 0) {
            return new Advice(verdict.rank(), Action.ADJUST_BUDGETS,
                    where + ": whole micro-batches end the step " + percent(moved / best)
                            + " after the best possible end, lower budgets can take off up to "
                            + percent(2 - situation.floorShare()));
        }
        if (situation.mayEvict() && situation.numRanks() > 1) {
            return new Advice(verdict.rank(), Action.EVICT, where
                    + ": one micro-batch on it takes longer than the others need for all");
        }
        return new Advice(verdict.rank(), situation.mayMove() ? Action.MOVE_MICRO_BATCHES : Action.NONE,
                where + ": it is of no use to the step; balance.straggler.evict would leave it out");
    }

    private static String where(Verdict verdict, double slowdown) {
        String host = verdict.cause() == Cause.HOST ? " with all of host " + verdict.host() : "";
        return String.format(java.util.Locale.ROOT, "%.2f times as slow as the others%s", slowdown, host);
    }

    private static String percent(double ratio) {
        return String.format(java.util.Locale.ROOT, "%.1f %%", 100 * (ratio - 1));
    }

    private static long bestKept(Situation situation, double slowdown, double total) {
        long best = 0;
        for (long kept = 1; kept <= Math.ceil(total / situation.numRanks()); kept++) {
            if (end(situation, slowdown, total, kept) <= end(situation, slowdown, total, best)) {
                best = kept;
            }
        }
        return best;
    }

    private static double end(Situation situation, double slowdown, double total, long kept) {
        double others = situation.numRanks() == 1
                ? 0
                : Math.ceil((total - kept) / (situation.numRanks() - 1) - 1e-9);
        return Math.max(kept * slowdown, situation.numRanks() == 1 && kept < total ? Double.POSITIVE_INFINITY : others);
    }
}
