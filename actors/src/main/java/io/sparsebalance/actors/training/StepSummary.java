package io.sparsebalance.actors.training;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.List;

/** Sums and predictions of a step whose micro-batches are all done. */
final class StepSummary {
    private static final double NANOS_PER_SECOND = 1e9;

    private final StepInFlight step;
    private final LatencyModel latency;
    private final Balancer.Settings settings;
    private final List<Double> predicted = new ArrayList<>();
    private final List<Double> base = new ArrayList<>();
    private final List<RankObservation> observations = new ArrayList<>();

    StepSummary(StepInFlight step, LatencyModel latency, Balancer.Settings settings) {
        this.step = step;
        this.latency = latency;
        this.settings = settings;
        Budgets baseBudgets = Budgets.uniform(settings.sparsity().baseBudget(), latency.numLayers());
        double[] busy = new double[settings.numRanks()];
        double[] expected = new double[settings.numRanks()];
        double[] gc = new double[settings.numRanks()];
        for (MicroBatchOutcome outcome : step.outcomes()) {
            List<Integer> lengths = step.plan().lengths(outcome.microBatch());
            double seconds = latency.microBatchSeconds(lengths, outcome.budgets());
            predicted.add(seconds);
            base.add(latency.microBatchSeconds(lengths, baseBudgets));
            busy[outcome.rank()] += outcome.busyNanos() / NANOS_PER_SECOND;
            gc[outcome.rank()] += outcome.gcNanos() / NANOS_PER_SECOND;
            expected[outcome.rank()] += seconds;
        }
        for (int rank = 0; rank < busy.length; rank++) {
            observations.add(new RankObservation(rank, busy[rank], expected[rank], gc[rank]));
        }
    }

    List<RankObservation> observations() {
        return observations;
    }

    /** Coverage that ranks reported, in the order of the micro-batches, so that equal runs see equal averages. */
    List<RunningCoverage.Observation> coverage() {
        List<RunningCoverage.Observation> observations = new ArrayList<>();
        for (MicroBatchOutcome outcome : step.outcomes()) {
            observations.add(new RunningCoverage.Observation(step.plan().lengths(outcome.microBatch()),
                    outcome.result().coverage()));
        }
        return observations;
    }

    StepOutcome outcome(long planNanos, List<Verdict> verdicts, StragglerEstimator.Slowest slowest) {
        List<Double> coverage = new ArrayList<>();
        for (MicroBatchOutcome outcome : step.outcomes()) {
            coverage.add(realised(outcome));
        }
        return new StepOutcome(step.plan().id(), step.plan(), step.outcomes(), predicted, base, baseDensity(), coverage,
                step.budgetPlan().targetSeconds(), planNanos, step.revisions(), verdicts, slowest);
    }

    private double baseDensity() {
        double selected = 0;
        double causal = 0;
        for (List<SampleRef> microBatch : step.plan().microBatches()) {
            for (SampleRef sample : microBatch) {
                double pairs = 0.5 * sample.length() * (sample.length() + 1.0);
                selected += latency.density(sample.length(), settings.sparsity().baseBudget()) * pairs;
                causal += pairs;
            }
        }
        return causal > 0 ? selected / causal : 1;
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
