package io.sparsebalance.policies.step;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * One step while its micro-batches run: which is where, with which budgets. A rank holds one micro-batch at a time, and work
 * moves only when a rank asks. Granting and completing look at one rank's micro-batches only, so that thousands of ranks cost
 * what a handful does.
 */
public final class StepInFlight {
    /** Busy time further than this from its prediction makes budgets worth revising. */
    private static final double LAG = 0.05;
    /** A move must end the step earlier by this share, or noise would move work back and forth. */
    private static final double WORTHWHILE = 0.05;
    private static final double NANOS_PER_SECOND = 1e9;
    private static final int NONE = -1;

    private final List<List<Integer>> lengths;
    private final BudgetPlan budgetPlan;
    private final LatencyModel latency;
    private final List<Double> speeds;
    private final List<Double> speedsToMoveBy;
    private final List<Budgets> budgets;
    /** Predicted seconds on a rank of speed 1, of each micro-batch at its budgets as they are now, and at the base. */
    private final double[] seconds;
    private final double[] baseSeconds;
    private final int[] rankOf;
    private final Completion[] completions;
    /** Of each rank: micro-batches that wait, seconds of those granted and done, and the one it runs. */
    private final List<List<Integer>> waiting = new ArrayList<>();
    private final double[] doneSeconds;
    private final int[] running;
    /** Of all that is done: measured, and as it was predicted. */
    private double allDoneSeconds;
    private double allDonePredictedSeconds;
    private int numWaiting;
    private int numDone;
    private int revisions;

    /**
     * A step of which nothing has started.
     *
     * @param lengths document lengths of each micro-batch
     * @param rankOf rank that each is meant for
     * @param budgetPlan budgets of each, and what they were predicted to take on their ranks
     * @param speeds slowdown factor of each rank, 1 = as predicted; the budget plan was made with them
     */
    public StepInFlight(List<List<Integer>> lengths, List<Integer> rankOf, BudgetPlan budgetPlan, LatencyModel latency,
            List<Double> speeds) {
        this(lengths, rankOf, budgetPlan, latency, speeds, speeds);
    }

    /**
     * The same where budgets may not depend on measured speeds, but who runs what may.
     *
     * @param speedsToMoveBy slowdown factor of each rank as it is known, whatever the budget plan was made with
     */
    StepInFlight(List<List<Integer>> lengths, List<Integer> rankOf, BudgetPlan budgetPlan, LatencyModel latency,
            List<Double> speeds, List<Double> speedsToMoveBy) {
        this.lengths = lengths;
        this.budgetPlan = budgetPlan;
        this.latency = latency;
        this.speeds = List.copyOf(speeds);
        this.speedsToMoveBy = List.copyOf(speedsToMoveBy);
        this.budgets = new ArrayList<>(budgetPlan.budgets());
        int size = lengths.size();
        this.rankOf = new int[size];
        this.seconds = new double[size];
        this.baseSeconds = new double[size];
        this.completions = new Completion[size];
        this.doneSeconds = new double[speeds.size()];
        this.running = new int[speeds.size()];
        for (int rank = 0; rank < running.length; rank++) {
            running[rank] = NONE;
            waiting.add(new ArrayList<>());
        }
        for (int i = 0; i < size; i++) {
            int rank = rankOf.get(i);
            this.rankOf[i] = rank;
            seconds[i] = budgetPlan.predictedSeconds().get(i) / speeds.get(rank);
            baseSeconds[i] = budgetPlan.baseSeconds().get(i) / speeds.get(rank);
            waiting.get(rank).add(i);
        }
        this.numWaiting = size;
    }

    /** Number of micro-batches. */
    public int numMicroBatches() {
        return completions.length;
    }

    /** Number of ranks. */
    public int numRanks() {
        return running.length;
    }

    /** Document lengths of a micro-batch. */
    public List<Integer> lengths(int microBatch) {
        return lengths.get(microBatch);
    }

    /** The budgets that the step began with. */
    public BudgetPlan budgetPlan() {
        return budgetPlan;
    }

    /** Times that budgets or the assignment were revised inside the step. */
    public int revisions() {
        return revisions;
    }

    /** Whether every micro-batch was completed. */
    public boolean isDone() {
        return numDone == completions.length;
    }

    /** Whether some micro-batch was not granted yet. */
    public boolean hasWaiting() {
        return numWaiting > 0;
    }

    /** Budgets of a micro-batch: as granted, or as planned now if it waits. */
    public Budgets budgets(int microBatch) {
        return budgets.get(microBatch);
    }

    /** Seconds predicted on a rank of speed 1, at the budgets as they are now. */
    public double seconds(int microBatch) {
        return seconds[microBatch];
    }

    /** Seconds predicted on a rank of speed 1, at the base budget. */
    public double baseSeconds(int microBatch) {
        return baseSeconds[microBatch];
    }

    /** What came of a micro-batch that is done. */
    public Completion completion(int microBatch) {
        return completions[microBatch];
    }

    /** What a rank was granted and has not completed. */
    public OptionalInt granted(int rank) {
        return running[rank] == NONE ? OptionalInt.empty() : OptionalInt.of(running[rank]);
    }

    /**
     * The next micro-batch of a rank, longest predicted first so that what is left can still be moved; marks it granted. Nothing
     * if none waits for this rank, or it still holds one.
     */
    public OptionalInt next(int rank) {
        List<Integer> own = waiting.get(rank);
        if (running[rank] != NONE || own.isEmpty()) {
            return OptionalInt.empty();
        }
        int best = own.getFirst();
        for (int i : own) {
            if (seconds[i] > seconds[best] || (seconds[i] == seconds[best] && i < best)) {
                best = i;
            }
        }
        own.remove((Object) best);
        return grant(rank, best);
    }

    /**
     * Takes a waiting micro-batch over from the rank that would end last, if that ends both noticeably earlier; else from the
     * next. Of the micro-batches of that rank it is the one with which both end soonest. Marks it granted.
     */
    public OptionalInt takeOver(int rank) {
        if (running[rank] != NONE || numWaiting == 0) {
            return OptionalInt.empty();
        }
        int best = NONE;
        double bestDonor = 0;
        double bestEnd = 0;
        for (int donor = 0; donor < running.length; donor++) {
            double remaining = donor == rank || waiting.get(donor).isEmpty() ? 0 : remainingSeconds(donor);
            if (remaining < bestDonor || remaining == 0) {
                continue;
            }
            for (int i : waiting.get(donor)) {
                double end = Math.max(seconds[i] * speedsToMoveBy.get(rank),
                        remaining - seconds[i] * speedsToMoveBy.get(donor));
                if (end < remaining * (1 - WORTHWHILE) && (remaining > bestDonor || end < bestEnd)) {
                    best = i;
                    bestDonor = remaining;
                    bestEnd = end;
                }
            }
        }
        if (best == NONE) {
            return OptionalInt.empty();
        }
        waiting.get(rankOf[best]).remove((Object) best);
        rankOf[best] = rank;
        revisions++;
        return grant(rank, best);
    }

    private OptionalInt grant(int rank, int microBatch) {
        running[rank] = microBatch;
        numWaiting--;
        return OptionalInt.of(microBatch);
    }

    /** Predicted seconds until a rank has done all that it runs and that waits for it. */
    private double remainingSeconds(int rank) {
        double sum = running[rank] == NONE ? 0 : seconds[running[rank]];
        for (int i : waiting.get(rank)) {
            sum += seconds[i];
        }
        return sum * speedsToMoveBy.get(rank);
    }

    /** Notes a completion; false if it was noted before, or was never granted to that rank. */
    public boolean complete(Completion completion) {
        int rank = completion.rank();
        int microBatch = completion.microBatch();
        if (rank < 0 || rank >= running.length || microBatch == NONE || running[rank] != microBatch) {
            return false;
        }
        completions[microBatch] = completion;
        running[rank] = NONE;
        doneSeconds[rank] += completion.busyNanos() / NANOS_PER_SECOND;
        allDoneSeconds += secondsWithoutGc(completion);
        allDonePredictedSeconds += seconds[microBatch] * speeds.get(rank);
        numDone++;
        return true;
    }

    /** A collection hits one micro-batch and says nothing of the next: counted in the pace, it would look like all ranks slowing. */
    private static double secondsWithoutGc(Completion completion) {
        return (completion.busyNanos() - completion.gcNanos()) / NANOS_PER_SECOND;
    }

    /**
     * Revises the budgets of what waits for a rank, if its completion was noticeably off its prediction, so that it ends with
     * the others all the same. Times count relative to the pace of the step, measured over predicted seconds of all that is
     * done, garbage collection taken out: where every rank is faster or slower than predicted by one factor no rank lags, and more attention for all would
     * only make the step longer.
     */
    public void revise(Completion completed, SparsitySettings settings, CoverageCurves curves, DynamicSparsity policy) {
        int rank = completed.rank();
        double predicted = seconds[completed.microBatch()] * speeds.get(rank);
        double pace = allDonePredictedSeconds > 0 ? allDoneSeconds / allDonePredictedSeconds : 1;
        double measured = secondsWithoutGc(completed) / pace;
        List<Integer> open = waiting.get(rank);
        if (open.isEmpty() || Math.abs(measured - predicted) <= LAG * predicted) {
            return;
        }
        List<List<Integer>> openLengths = new ArrayList<>(open.size());
        List<Budgets> current = new ArrayList<>(open.size());
        for (int i : open) {
            openLengths.add(lengths.get(i));
            current.add(budgets.get(i));
        }
        BudgetRequest request = new BudgetRequest(openLengths,
                Collections.nCopies(open.size(), 0), List.of(speeds.get(rank)), settings, latency, curves);
        BudgetPlan revised = policy.replan(request, current, Set.of(), List.of(doneSeconds[rank] / pace),
                budgetPlan.targetSeconds());
        if (!revised.budgets().equals(current)) {
            revisions++;
            for (int n = 0; n < open.size(); n++) {
                budgets.set(open.get(n), revised.budgets().get(n));
                seconds[open.get(n)] = revised.predictedSeconds().get(n) / speeds.get(rank);
            }
        }
    }
}
