package io.sparsebalance.actors.training;

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
import java.util.Set;

/** Bookkeeping of one step: which micro-batch is where, with which budgets. Owned by the balancer. */
final class StepInFlight {
    /** Busy time further than this from its prediction makes budgets worth revising. */
    private static final double LAG = 0.05;
    private static final double NANOS_PER_SECOND = 1e9;

    private final StepPlan plan;
    private final BudgetPlan budgetPlan;
    private final LatencyModel latency;
    private final List<Double> speeds;
    private final List<Budgets> budgets;
    private final List<Integer> rankOf;
    private final Integer[] runningOn;
    private final MicroBatchOutcome[] outcomes;
    private int numDone;
    private int revisions;

    StepInFlight(StepPlan plan, BudgetPlan budgetPlan, LatencyModel latency, List<Double> speeds) {
        this.plan = plan;
        this.budgetPlan = budgetPlan;
        this.latency = latency;
        this.speeds = speeds;
        this.budgets = new ArrayList<>(budgetPlan.budgets());
        this.rankOf = new ArrayList<>(plan.rankOf());
        this.runningOn = new Integer[plan.microBatches().size()];
        this.outcomes = new MicroBatchOutcome[plan.microBatches().size()];
    }

    StepPlan plan() {
        return plan;
    }

    BudgetPlan budgetPlan() {
        return budgetPlan;
    }

    int revisions() {
        return revisions;
    }

    boolean isDone() {
        return numDone == outcomes.length;
    }

    List<MicroBatchOutcome> outcomes() {
        return List.of(outcomes);
    }

    /** What a rank was granted and has not completed. */
    Optional<Integer> granted(int rank) {
        for (int i = 0; i < runningOn.length; i++) {
            if (runningOn[i] != null && runningOn[i] == rank && outcomes[i] == null) {
                return Optional.of(i);
            }
        }
        return Optional.empty();
    }

    /** The next micro-batch of a rank, longest predicted first so that what is left can still be moved; marks it granted. */
    Optional<Integer> next(int rank) {
        int best = -1;
        for (int i = 0; i < runningOn.length; i++) {
            if (runningOn[i] == null && rankOf.get(i) == rank && (best < 0 || seconds(i) > seconds(best))) {
                best = i;
            }
        }
        if (best < 0) {
            return Optional.empty();
        }
        runningOn[best] = rank;
        return Optional.of(best);
    }

    /** Takes a waiting micro-batch over from a rank that would end later; marks it granted. */
    Optional<Integer> takeOver(int rank) {
        List<Reassignment.Waiting> waiting = new ArrayList<>();
        for (int i = 0; i < runningOn.length; i++) {
            if (runningOn[i] == null) {
                waiting.add(new Reassignment.Waiting(i, rankOf.get(i), seconds(i)));
            }
        }
        Optional<Reassignment.Waiting> move = Reassignment.pick(rank, remaining(), speeds, waiting);
        move.ifPresent(m -> {
            rankOf.set(m.microBatch(), rank);
            runningOn[m.microBatch()] = rank;
            revisions++;
        });
        return move.map(Reassignment.Waiting::microBatch);
    }

    private List<Double> remaining() {
        List<Double> remaining = new ArrayList<>();
        for (int rank = 0; rank < speeds.size(); rank++) {
            double seconds = 0;
            for (int i = 0; i < runningOn.length; i++) {
                if (outcomes[i] == null && rankOf.get(i) == rank) {
                    seconds += seconds(i) * speeds.get(rank);
                }
            }
            remaining.add(seconds);
        }
        return remaining;
    }

    /** Notes a completion; false if it was noted before, or was never granted to that rank. */
    boolean complete(MicroBatchOutcome outcome) {
        int i = outcome.microBatch();
        if (i < 0 || i >= outcomes.length || outcomes[i] != null || runningOn[i] == null
                || runningOn[i] != outcome.rank()) {
            return false;
        }
        outcomes[i] = outcome;
        numDone++;
        return true;
    }

    Budgets budgets(int microBatch) {
        return budgets.get(microBatch);
    }

    /** Seconds predicted on a rank of speed 1, at the budgets as they are now. */
    double seconds(int microBatch) {
        return latency.microBatchSeconds(plan.lengths(microBatch), budgets.get(microBatch));
    }

    /** Revises the budgets of what has not started, if a completion was noticeably off its prediction. */
    void revise(MicroBatchOutcome completed, SparsitySettings settings, CoverageCurves curves, DynamicSparsity policy) {
        double predicted = seconds(completed.microBatch()) * speeds.get(completed.rank());
        double measured = (completed.busyNanos() - completed.gcNanos()) / NANOS_PER_SECOND;
        Set<Integer> started = new HashSet<>();
        for (int i = 0; i < runningOn.length; i++) {
            if (runningOn[i] != null) {
                started.add(i);
            }
        }
        if (started.size() == runningOn.length || Math.abs(measured - predicted) <= LAG * predicted) {
            return;
        }
        BudgetRequest request = new BudgetRequest(lengths(plan), rankOf, speeds, settings, latency, curves);
        List<Budgets> revised = policy.replan(request, budgets, started, elapsed()).budgets();
        if (!revised.equals(budgets)) {
            revisions++;
            for (int i = 0; i < revised.size(); i++) {
                budgets.set(i, revised.get(i));
            }
        }
    }

    private List<Double> elapsed() {
        List<Double> elapsed = new ArrayList<>();
        for (int rank = 0; rank < speeds.size(); rank++) {
            double seconds = 0;
            for (int i = 0; i < runningOn.length; i++) {
                if (runningOn[i] != null && runningOn[i] == rank) {
                    seconds += outcomes[i] != null
                            ? outcomes[i].busyNanos() / NANOS_PER_SECOND
                            : seconds(i) * speeds.get(rank);
                }
            }
            elapsed.add(seconds);
        }
        return elapsed;
    }

    static List<List<Integer>> lengths(StepPlan plan) {
        List<List<Integer>> lengths = new ArrayList<>();
        for (int i = 0; i < plan.microBatches().size(); i++) {
            lengths.add(plan.lengths(i));
        }
        return lengths;
    }
}
