package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** {@code fixed}: the base budget everywhere. */
public final class FixedSparsity implements SparsityPolicy {
    @Override
    public String name() {
        return "fixed";
    }

    @Override
    public BudgetPlan plan(BudgetRequest request) {
        int numLayers = request.latency().numLayers();
        Budgets base = Budgets.uniform(request.settings().baseBudget(), numLayers);
        List<Budgets> budgets = Collections.nCopies(request.lengths().size(), base);
        List<Double> seconds = new ArrayList<>();
        double[] busy = new double[request.rankSpeeds().size()];
        for (int i = 0; i < request.lengths().size(); i++) {
            int rank = request.ranks().get(i);
            double predicted = request.latency().microBatchSeconds(request.lengths().get(i), base)
                    * request.rankSpeeds().get(rank);
            seconds.add(predicted);
            busy[rank] += predicted;
        }
        double target = 0;
        for (double rank : busy) {
            target = Math.max(target, rank);
        }
        return new BudgetPlan(budgets, budgets, seconds, seconds, target, request.memory());
    }
}
