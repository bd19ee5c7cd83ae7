package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.List;

/**
 * A step whose micro-batches are all done, as the balancer saw it.
 *
 * @param outcomes of each micro-batch, in order
 * @param predictedSeconds of each micro-batch at the budgets it ran with, without speed factors
 * @param baseSeconds the same at the base budget
 * @param baseDensity predicted density at the base budget
 * @param coverage realised, of each micro-batch
 * @param targetSeconds T* of the budget plan
 * @param planNanos time of all decisions for this step
 * @param revisions of budgets or assignment inside the step
 * @param learned by the balancer up to this step, where budgets of the next one depend on it
 */
public record StepOutcome(StepId id, StepPlan plan, List<MicroBatchOutcome> outcomes, List<Double> predictedSeconds,
        List<Double> baseSeconds, double baseDensity, List<Double> coverage, double targetSeconds, long planNanos,
        int revisions, List<Verdict> verdicts, StragglerEstimator.Slowest slowest, LearnedBytes learned) {
    /** Copies. */
    public StepOutcome {
        outcomes = List.copyOf(outcomes);
        predictedSeconds = List.copyOf(predictedSeconds);
        baseSeconds = List.copyOf(baseSeconds);
        coverage = List.copyOf(coverage);
        verdicts = List.copyOf(verdicts);
    }

    /** The same without what ranks sampled of coverage, which is large and only the balancer's business. */
    public StepOutcome withoutSamples() {
        return new StepOutcome(id, plan, outcomes.stream().map(MicroBatchOutcome::withoutSamples).toList(),
                predictedSeconds, baseSeconds, baseDensity, coverage, targetSeconds, planNanos, revisions, verdicts,
                slowest, learned);
    }
}
