package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * {@code dst}: workload-aware dynamic sparsity tuning (arXiv 2604.13847), bidirectional, with a target that can always be
 * reached.
 *
 * <ol>
 * <li>floor of each micro-batch: smallest budget whose coverage is at least (1 - p) times that at the base budget;
 * <li>T* = max(anchor of the ranks' busy times at the base, largest busy time at the floors);
 * <li>each rank takes the largest budgets with busy time at most T*, spread over its micro-batches and layers by coverage
 * gained per second.
 * </ol>
 *
 * <p>A rank's micro-batches run one after the other and gradients are reduced once a step, so what is steered to T* is the
 * rank's sum. {@link Anchor#ISO_DENSITY} takes the smallest T* at which neither the token-weighted mean of the effective budget
 * (no larger than a document has blocks) nor the number of computed pairs is below that at the base budget.
 */
public final class DynamicSparsity implements SparsityPolicy {
    private static final int BISECTIONS = 40;
    /** A target closer than this to the smallest one is good enough: clocks are noisier. */
    private static final double PRECISION = 1e-3;
    /** A revision inside a step changes a budget by at most this factor. */
    private static final int MAX_REVISION_FACTOR = 2;

    @Override
    public String name() {
        return "dst";
    }

    @Override
    public BudgetPlan plan(BudgetRequest request) {
        Problem problem = new Problem(request);
        double floorSeconds = max(problem.busy(problem.floors));
        double target = request.settings().anchor() == Anchor.ISO_DENSITY
                ? isoDensity(problem, floorSeconds)
                : Math.max(anchor(request.settings().anchor(), problem.busyWithWork(problem.bases)), floorSeconds);
        return problem.result(problem.fill(target), target);
    }

    /**
     * Revises the budgets of micro-batches that have not started, so that ranks still end together.
     *
     * @param current budgets of every micro-batch as granted or planned
     * @param started micro-batches that may not change any more
     * @param elapsedSecondsByRank measured busy time of each rank so far, for the started micro-batches; a started one that is
     *                             not finished counts with its prediction
     */
    public BudgetPlan replan(BudgetRequest request, List<Budgets> current, Set<Integer> started,
            List<Double> elapsedSecondsByRank) {
        Problem problem = new Problem(request);
        int numRanks = request.rankSpeeds().size();
        double target = 0;
        for (int rank = 0; rank < numRanks; rank++) {
            double floor = elapsedSecondsByRank.get(rank);
            for (int i : problem.ofRank(rank)) {
                floor += started.contains(i) ? 0 : problem.costs.get(i).seconds(problem.lowest(i, current.get(i)));
            }
            target = Math.max(target, floor);
        }
        double[] planned = new double[numRanks];
        for (int i = 0; i < current.size(); i++) {
            planned[request.ranks().get(i)] += started.contains(i) ? 0 : problem.costs.get(i).seconds(current.get(i));
        }
        double mean = 0;
        for (int rank = 0; rank < numRanks; rank++) {
            mean += (elapsedSecondsByRank.get(rank) + planned[rank]) / numRanks;
        }
        target = Math.max(target, mean);
        List<Budgets> revised = new ArrayList<>(current);
        for (int rank = 0; rank < numRanks; rank++) {
            List<Integer> open = problem.ofRank(rank).stream().filter(i -> !started.contains(i)).toList();
            List<Budgets> lowest = open.stream().map(i -> problem.lowest(i, current.get(i))).toList();
            List<Budgets> filled = WaterFilling.fill(open.stream().map(problem.costs::get).toList(), lowest,
                    target - elapsedSecondsByRank.get(rank), request.settings().maxBudget());
            for (int n = 0; n < open.size(); n++) {
                revised.set(open.get(n), bounded(filled.get(n), current.get(open.get(n))));
            }
        }
        return problem.result(revised, target);
    }

    private static Budgets bounded(Budgets wanted, Budgets current) {
        List<Integer> budgets = new ArrayList<>();
        for (int layer = 0; layer < wanted.byLayer().size(); layer++) {
            budgets.add(Math.min(wanted.byLayer().get(layer), current.byLayer().get(layer) * MAX_REVISION_FACTOR));
        }
        return new Budgets(budgets);
    }

    private static double anchor(Anchor anchor, double[] busy) {
        double[] sorted = busy.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        return switch (anchor) {
            case MEAN -> Arrays.stream(sorted).average().orElse(0);
            case MEDIAN -> n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
            case MIN -> sorted[0];
            case MAX -> sorted[n - 1];
            case ISO_DENSITY -> throw new IllegalArgumentException("ISO_DENSITY is found by search");
        };
    }

    private static double isoDensity(Problem problem, double floorSeconds) {
        double low = floorSeconds;
        double high = Math.max(floorSeconds, max(problem.busy(problem.highest)));
        if (problem.notBelowBase(problem.fill(low))) {
            return low;
        }
        for (int i = 0; i < BISECTIONS && high - low > PRECISION * high; i++) {
            double middle = (low + high) / 2;
            if (problem.notBelowBase(problem.fill(middle))) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return high;
    }

    private static double max(double[] values) {
        return Arrays.stream(values).max().orElse(0);
    }

    /** One request with its tables. */
    private static final class Problem {
        private final BudgetRequest request;
        private final List<MicroBatchCost> costs = new ArrayList<>();
        private final List<Budgets> floors = new ArrayList<>();
        private final List<Budgets> bases = new ArrayList<>();
        private final List<Budgets> highest = new ArrayList<>();
        private final List<List<Integer>> byRank = new ArrayList<>();

        Problem(BudgetRequest request) {
            this.request = request;
            SparsitySettings settings = request.settings();
            int numLayers = request.latency().numLayers();
            request.rankSpeeds().forEach(speed -> byRank.add(new ArrayList<>()));
            for (int i = 0; i < request.lengths().size(); i++) {
                double speed = request.rankSpeeds().get(request.ranks().get(i));
                MicroBatchCost cost = new MicroBatchCost(request.lengths().get(i), speed, settings, request.latency(),
                        request.curves());
                costs.add(cost);
                floors.add(Budgets.uniform(cost.floor(settings), numLayers));
                bases.add(Budgets.uniform(settings.baseBudget(), numLayers));
                highest.add(Budgets.uniform(settings.maxBudget(), numLayers));
                byRank.get(request.ranks().get(i)).add(i);
            }
        }

        List<Integer> ofRank(int rank) {
            return byRank.get(rank);
        }

        /** The floor, but never more than halved in one revision, and never above what is planned. */
        Budgets lowest(int microBatch, Budgets current) {
            List<Integer> budgets = new ArrayList<>();
            for (int layer = 0; layer < current.byLayer().size(); layer++) {
                int now = current.byLayer().get(layer);
                int floor = floors.get(microBatch).byLayer().get(layer);
                budgets.add(Math.min(now, Math.max(floor, Math.ceilDiv(now, MAX_REVISION_FACTOR))));
            }
            return new Budgets(budgets);
        }

        double[] busy(List<Budgets> budgets) {
            double[] busy = new double[byRank.size()];
            for (int i = 0; i < costs.size(); i++) {
                busy[request.ranks().get(i)] += costs.get(i).seconds(budgets.get(i));
            }
            return busy;
        }

        double[] busyWithWork(List<Budgets> budgets) {
            return Arrays.stream(busy(budgets)).filter(seconds -> seconds > 0).toArray();
        }

        List<Budgets> fill(double target) {
            Budgets[] filled = new Budgets[costs.size()];
            for (List<Integer> rank : byRank) {
                List<Budgets> result = WaterFilling.fill(rank.stream().map(costs::get).toList(),
                        rank.stream().map(floors::get).toList(), target, request.settings().maxBudget());
                for (int n = 0; n < rank.size(); n++) {
                    filled[rank.get(n)] = result.get(n);
                }
            }
            return List.of(filled);
        }

        boolean notBelowBase(List<Budgets> budgets) {
            double effective = 0;
            double pairs = 0;
            for (int i = 0; i < costs.size(); i++) {
                effective += costs.get(i).effective(budgets.get(i)) - costs.get(i).effective(bases.get(i));
                pairs += costs.get(i).pairs(budgets.get(i)) - costs.get(i).pairs(bases.get(i));
            }
            return effective >= 0 && pairs >= 0;
        }

        BudgetPlan result(List<Budgets> budgets, double target) {
            List<Double> predicted = new ArrayList<>();
            List<Double> base = new ArrayList<>();
            for (int i = 0; i < costs.size(); i++) {
                predicted.add(costs.get(i).seconds(budgets.get(i)));
                base.add(costs.get(i).seconds(bases.get(i)));
            }
            return new BudgetPlan(budgets, floors, predicted, base, target);
        }
    }
}
