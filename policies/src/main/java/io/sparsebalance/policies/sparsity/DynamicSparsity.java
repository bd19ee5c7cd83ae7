package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * {@code dst}: workload-aware dynamic sparsity tuning (arXiv 2604.13847), bidirectional, with a target that can always be
 * reached.
 *
 * <ol>
 * <li>Floor of each layer of each micro-batch: the smallest budget k in [k-min, k-base] at which every one of its documents
 * has, in this layer, {@code C(k) >= (1 - p) C(k-base)}; k-base is such a budget, so there is one. The guard thus holds for
 * every document and layer by itself, not for a mean in which short documents, that any budget covers, would hide a long one
 * or one layer another.
 * <li>{@code T* = max(anchor of the ranks' busy times at the base, largest busy time of a rank at its floors)}.
 * <li>Each rank takes the largest budgets with busy time at most T*, spread over its micro-batches and layers by coverage
 * gained per second (water-filling).
 * </ol>
 *
 * <p>A rank's micro-batches run one after the other and gradients are reduced once a step, so what is steered to T* is the
 * rank's sum, and anchors are taken over the sums of ranks that have work: MEAN is then the step time of a perfect balance.
 * {@link Anchor#ISO_DENSITY} takes the smallest T* at which neither the token-weighted mean of the effective budget (no larger
 * than a document has blocks) nor the number of computed pairs is below that at the base budget.
 *
 * <p>Around the running budget of its length band and layer a budget changes by at most the factor {@code max-change} a step;
 * see {@link BudgetMemory}. The bound gives way to floors and never forbids the base.
 *
 * <p>Large steps are decided on rounded tables, see {@link Workload}: predicted seconds are then right to one part in a
 * thousand, and floors to the coverage of a length within an eighth of a doubling.
 */
public final class DynamicSparsity implements SparsityPolicy {
    private static final int SEARCH_STEPS = 24;
    /** A target closer than this to the smallest one is good enough: clocks are noisier. */
    private static final double PRECISION = 1e-3;
    /** Density is kept this much above the base where tables are rounded. */
    private static final double ROUNDED_MARGIN = 2e-4;

    @Override
    public String name() {
        return "dst";
    }

    @Override
    public boolean learns() {
        return true;
    }

    @Override
    public BudgetPlan plan(BudgetRequest request) {
        boolean isoDensity = request.settings().anchor() == Anchor.ISO_DENSITY;
        BudgetProblem problem = new BudgetProblem(request, isoDensity);
        int[][] byRank = problem.byRank(Set.of());
        double reachable = problem.reachable();
        double[] base = Arrays.stream(problem.baseBusy()).filter(seconds -> seconds > 0).sorted().toArray();
        if (isoDensity) {
            return isoDensity(problem, byRank, reachable, anchor(Anchor.MEAN, base));
        }
        double target = Math.max(anchor(request.settings().anchor(), base), reachable);
        return problem.plan(problem.fill(byRank, allRanks(problem, target)), target);
    }

    /**
     * Revises the budgets of micro-batches that have not started, so that ranks still end together: all are steered to the
     * mean of the times at which ranks would end, or to what is reachable.
     *
     * @param current budgets of every micro-batch as granted or planned
     * @param started micro-batches that may not change any more
     * @param elapsedSecondsByRank measured busy time of each rank so far, for the started micro-batches; a started one that is
     *                             not finished counts with its prediction
     * @return revised budgets; its memory is that of the request
     */
    public BudgetPlan replan(BudgetRequest request, List<Budgets> current, Set<Integer> started,
            List<Double> elapsedSecondsByRank) {
        BudgetProblem problem = new BudgetProblem(request, false);
        double sum = 0;
        for (double elapsed : elapsedSecondsByRank) {
            sum += elapsed;
        }
        for (int i = 0; i < current.size(); i++) {
            sum += started.contains(i) ? 0 : problem.plannedSeconds(i, current.get(i));
        }
        return replan(problem, current, started, elapsedSecondsByRank, sum / problem.numRanks());
    }

    /**
     * The same towards a known target, which needs to be told of no other ranks than those that are to be revised: a request
     * of one rank's waiting micro-batches costs the same in a step of thousands of ranks.
     *
     * @param targetSeconds busy time to end at, usually that of the plan; raised to what is reachable
     */
    public BudgetPlan replan(BudgetRequest request, List<Budgets> current, Set<Integer> started,
            List<Double> elapsedSecondsByRank, double targetSeconds) {
        return replan(new BudgetProblem(request, false), current, started, elapsedSecondsByRank, targetSeconds);
    }

    private static BudgetPlan replan(BudgetProblem problem, List<Budgets> current, Set<Integer> started,
            List<Double> elapsedSecondsByRank, double wanted) {
        problem.narrow(current, started);
        int[][] byRank = problem.byRank(started);
        double target = wanted;
        for (int rank = 0; rank < byRank.length; rank++) {
            double lowest = elapsedSecondsByRank.get(rank);
            for (int i : byRank[rank]) {
                lowest += problem.lowestSeconds(i);
            }
            target = Math.max(target, lowest);
        }
        double[] left = new double[byRank.length];
        for (int rank = 0; rank < left.length; rank++) {
            left[rank] = target - elapsedSecondsByRank.get(rank);
        }
        return problem.revised(problem.fill(byRank, left), current, started, target);
    }

    private static double anchor(Anchor anchor, double[] sorted) {
        int n = sorted.length;
        if (n == 0) {
            return 0;
        }
        return switch (anchor) {
            case MEAN -> Arrays.stream(sorted).sum() / n;
            case MEDIAN -> n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
            case MIN -> sorted[0];
            case MAX -> sorted[n - 1];
            case ISO_DENSITY -> throw new IllegalArgumentException("ISO_DENSITY is found by search");
        };
    }

    private static double[] allRanks(BudgetProblem problem, double target) {
        double[] seconds = new double[problem.numRanks()];
        Arrays.fill(seconds, target);
        return seconds;
    }

    /**
     * Surplus rises with the target almost in a straight line, whose slope is known about: attention is what time is spent on. So
     * Newton's step from the mean usually ends near enough (a second one goes twice as far, so that it ends on the other side),
     * and false position (the Illinois variant, Dowell and Jarratt 1971) needs a few more where it does not. Ends at a target with enough attention, if any target has.
     */
    private static BudgetPlan isoDensity(BudgetProblem problem, int[][] byRank, double reachable, double mean) {
        double least = problem.rounded() ? ROUNDED_MARGIN : 0;
        double constant = problem.meanConstantSeconds();
        double low = reachable;
        double high = Double.NaN;
        double lowSurplus = Double.NaN;
        double highSurplus = Double.NaN;
        short[] chosen = null;
        double guess = Math.max(mean, reachable);
        int side = 0;
        for (int i = 0; i < SEARCH_STEPS; i++) {
            short[] tried = problem.fill(byRank, allRanks(problem, guess));
            double surplus = problem.surplus(tried) - least;
            if (surplus >= 0) {
                lowSurplus = side > 0 ? lowSurplus / 2 : lowSurplus;
                high = guess;
                highSurplus = surplus;
                chosen = tried;
                side = 1;
            } else {
                highSurplus = side < 0 ? highSurplus / 2 : highSurplus;
                high = Double.isNaN(high) ? Math.max(guess, problem.useful()) : high;
                low = guess;
                lowSurplus = surplus;
                side = -1;
            }
            boolean closeAbove = chosen != null && surplus >= 0 && surplus <= PRECISION;
            if (closeAbove || (high - low <= PRECISION * high && (chosen != null || low >= high))) {
                return chosen == null ? problem.plan(tried, guess) : problem.plan(chosen, high);
            }
            if (Double.isNaN(lowSurplus + highSurplus)) {
                double slope = (1 + surplus) / Math.max(guess - constant, PRECISION * guess);
                guess = Math.clamp(guess + (i + 1) * (PRECISION / 2 - surplus) / slope, low, high);
            } else {
                double share = (PRECISION / 2 - lowSurplus) / (highSurplus - lowSurplus);
                guess = low + Math.clamp(share, 0.01, 0.99) * (high - low);
            }
        }
        return problem.plan(chosen == null ? problem.fill(byRank, allRanks(problem, high)) : chosen, high);
    }
}
