package io.sparsebalance.policies.step;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.Reassignment;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * One step while its micro-batches run: which is where, with which budgets. A rank holds one micro-batch at a time, and work
 * moves only when a rank asks. Granting and completing look at one rank's micro-batches only, so that thousands of ranks cost
 * what a handful does.
 */
public final class StepInFlight {
    /** Busy time further than this from its prediction makes budgets worth revising. */
    private static final double LAG = 0.05;
    private static final double NANOS_PER_SECOND = 1e9;
    private static final int NONE = -1;

    private final List<List<Integer>> lengths;
    private final BudgetPlan budgetPlan;
    private final LatencyModel latency;
    private final List<Double> speeds;
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
        this.lengths = lengths;
        this.budgetPlan = budgetPlan;
        this.latency = latency;
        this.speeds = List.copyOf(speeds);
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

    /** Takes a waiting micro-batch over from a rank that would end later; marks it granted. */
    public OptionalInt takeOver(int rank) {
        if (running[rank] != NONE || numWaiting == 0) {
            return OptionalInt.empty();
        }
        List<Reassignment.Waiting> all = new ArrayList<>();
        List<Double> remaining = new ArrayList<>();
        for (int donor = 0; donor < running.length; donor++) {
            remaining.add(remainingSeconds(donor));
            for (int i : waiting.get(donor)) {
                all.add(new Reassignment.Waiting(i, donor, seconds[i]));
            }
        }
        Optional<Reassignment.Waiting> move = Reassignment.pick(rank, remaining, speeds, all);
        if (move.isEmpty()) {
            return OptionalInt.empty();
        }
        int taken = move.get().microBatch();
        waiting.get(move.get().rank()).remove((Object) taken);
        rankOf[taken] = rank;
        revisions++;
        return grant(rank, taken);
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
        return sum * speeds.get(rank);
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
        numDone++;
        return true;
    }

    /** Revises the budgets of what has not started, if a completion was noticeably off its prediction. */
    public void revise(Completion completed, SparsitySettings settings, CoverageCurves curves, DynamicSparsity policy) {
        double predicted = seconds[completed.microBatch()] * speeds.get(completed.rank());
        double measured = (completed.busyNanos() - completed.gcNanos()) / NANOS_PER_SECOND;
        if (numWaiting == 0 || Math.abs(measured - predicted) <= LAG * predicted) {
            return;
        }
        Set<Integer> started = new HashSet<>(IntStream.range(0, completions.length).boxed().toList());
        waiting.forEach(started::removeAll);
        List<Integer> ranks = IntStream.of(rankOf).boxed().toList();
        BudgetRequest request = new BudgetRequest(lengths, ranks, speeds, settings, latency, curves);
        BudgetPlan revised = policy.replan(request, budgets, started, elapsed());
        if (!revised.budgets().equals(budgets)) {
            revisions++;
            for (int i = 0; i < seconds.length; i++) {
                budgets.set(i, revised.budgets().get(i));
                seconds[i] = revised.predictedSeconds().get(i) / speeds.get(rankOf[i]);
            }
        }
    }

    private List<Double> elapsed() {
        List<Double> elapsed = new ArrayList<>();
        for (int rank = 0; rank < running.length; rank++) {
            double held = running[rank] == NONE ? 0 : seconds[running[rank]] * speeds.get(rank);
            elapsed.add(doneSeconds[rank] + held);
        }
        return elapsed;
    }
}
