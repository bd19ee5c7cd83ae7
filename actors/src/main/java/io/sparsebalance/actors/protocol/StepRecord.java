package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.step.StepSummary;
import java.util.ArrayList;
import java.util.List;

/** What the balancer reports of a step whose micro-batches are all done. */
final class StepRecord {
    private final RunningStep step;
    private final LatencyModel latency;
    private final BalancerLogic.Settings settings;
    private final StepSummary summary;

    StepRecord(RunningStep step, LatencyModel latency, BalancerLogic.Settings settings) {
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

    StepOutcome outcome(long planNanos, Balancing.Findings findings, LearnedBytes learned) {
        List<Double> coverage = new ArrayList<>();
        for (MicroBatchOutcome outcome : step.outcomes()) {
            coverage.add(KeptCoverage.of(settings.coverageBudgets(), outcome));
        }
        return new StepOutcome(step.plan().id(), step.plan(), step.outcomes(), summary.predictedSeconds(),
                summary.baseSeconds(), summary.baseDensity(settings.sparsity().baseBudget(), latency), coverage,
                step.state().budgetPlan().targetSeconds(), planNanos, step.state().revisions(), findings.verdicts(),
                findings.slowest(), learned);
    }
}
