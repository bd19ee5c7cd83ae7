package io.sparsebalance.actors.training;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.StepSummary;
import java.util.ArrayList;
import java.util.List;

/** What the balancer reports of a step whose micro-batches are all done. */
final class StepRecord {
    private final RunningStep step;
    private final LatencyModel latency;
    private final Balancer.Settings settings;
    private final StepSummary summary;

    StepRecord(RunningStep step, LatencyModel latency, Balancer.Settings settings) {
        this.step = step;
        this.latency = latency;
        this.settings = settings;
        this.summary = new StepSummary(step.state());
    }

    /** Coverage that a micro-batch's rank sampled. */
    RunningCoverage.Observation observed(int microBatch) {
        return new RunningCoverage.Observation(step.state().lengths(microBatch),
                step.outcomes().get(microBatch).result().coverage());
    }

    StepOutcome outcome(long planNanos, Balancing.Findings findings) {
        List<Double> coverage = new ArrayList<>();
        for (MicroBatchOutcome outcome : step.outcomes()) {
            coverage.add(realised(outcome));
        }
        return new StepOutcome(step.plan().id(), step.plan(), step.outcomes(), summary.predictedSeconds(),
                summary.baseSeconds(), summary.baseDensity(settings.sparsity().baseBudget(), latency), coverage,
                step.state().budgetPlan().targetSeconds(), planNanos, step.state().revisions(), findings.verdicts(),
                findings.slowest());
    }

    /** Mean over layers of the sampled coverage, read between the samples at the budget used. */
    private double realised(MicroBatchOutcome outcome) {
        List<List<Double>> byLayer = outcome.result().coverage();
        double sum = 0;
        int layers = 0;
        for (int layer = 0; layer < byLayer.size(); layer++) {
            if (byLayer.get(layer).size() == settings.coverageBudgets().size() && !byLayer.get(layer).isEmpty()) {
                sum += read(settings.coverageBudgets(), byLayer.get(layer), outcome.budgets().byLayer().get(layer));
                layers++;
            }
        }
        return layers == 0 ? 1 : sum / layers;
    }

    private static double read(List<Integer> budgets, List<Double> values, int budget) {
        for (int i = 0; i < budgets.size(); i++) {
            if (budget <= budgets.get(i)) {
                if (i == 0 || budget == budgets.get(i)) {
                    return values.get(i);
                }
                double share = (double) (budget - budgets.get(i - 1)) / (budgets.get(i) - budgets.get(i - 1));
                return values.get(i - 1) + share * (values.get(i) - values.get(i - 1));
            }
        }
        return values.getLast();
    }
}
