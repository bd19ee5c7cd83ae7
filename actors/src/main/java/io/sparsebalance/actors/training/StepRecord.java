package io.sparsebalance.actors.training;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.step.StepSummary;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.List;

/** What the balancer learns from a step whose micro-batches are all done, and reports of it. */
final class StepRecord {
    private final RunningStep step;
    private final LatencyModel latency;
    private final Balancer.Settings settings;
    private final StepSummary summary;
    private final List<RankObservation> observations;

    StepRecord(RunningStep step, LatencyModel latency, Balancer.Settings settings) {
        this.step = step;
        this.latency = latency;
        this.settings = settings;
        this.summary = new StepSummary(step.state());
        this.observations = summary.observations();
    }

    List<RankObservation> observations() {
        return observations;
    }

    /** Adds a micro-batch's coverage to the averages, under the length of its longest document. */
    RunningCoverage observe(RunningCoverage before, int microBatch) {
        MicroBatchOutcome outcome = step.outcomes().get(microBatch);
        int longest = step.plan().lengths(microBatch).stream().mapToInt(Integer::intValue).max().orElse(1);
        RunningCoverage after = before;
        List<List<Double>> byLayer = outcome.result().coverage();
        for (int layer = 0; layer < byLayer.size(); layer++) {
            if (byLayer.get(layer).size() == settings.coverageBudgets().size()) {
                after = after.observe(layer, longest, settings.coverageBudgets(), byLayer.get(layer));
            }
        }
        return after;
    }

    StepOutcome outcome(long planNanos, List<Verdict> verdicts, StragglerEstimator.Slowest slowest) {
        List<Double> coverage = new ArrayList<>();
        for (MicroBatchOutcome outcome : step.outcomes()) {
            coverage.add(realised(outcome));
        }
        return new StepOutcome(step.plan().id(), step.plan(), step.outcomes(), summary.predictedSeconds(),
                summary.baseSeconds(), summary.baseDensity(settings.sparsity().baseBudget(), latency), coverage,
                step.state().budgetPlan().targetSeconds(), planNanos, step.state().revisions(), verdicts, slowest);
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
