package io.sparsebalance.policies.straggler;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.simulation.DerivedTable;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.BudgetMemory;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.CoverageTable;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.workload.LengthGenerators;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Throughput with one rank of four twice as slow, over that of the healthy four: 4 ranks x 4 micro-batches, {@code sab} with
 * the measured speeds, {@code dst} with MEAN and p = 0.1, speeds from the estimator with 3 % of noise. Without remedies it is
 * 0.50; whole micro-batches alone give 0.80 (5 of 16 on the fast ranks); the most that is possible with the attention of the base is
 * 3.5 / 4 = 0.875. Wikipedia is cut at 8,192 tokens, where micro-batches still are of one size.
 */
class SlowRankTest {
    private static final LatencyModel LATENCY = DerivedTable.table().model();
    private static final CoverageCurves CURVES = CoverageTable.unmeasured(DerivedTable.table().pairs().block()).model();
    private static final int RANKS = 4;
    private static final int MICRO_BATCHES = 16;
    private static final int WARM_UP = 10;
    private static final int STEPS = 40;
    private static final Budgets BASE = Budgets.uniform(32, LATENCY.numLayers());

    @ParameterizedTest
    @CsvSource({"chatqa2, 131072, 64", "longalign, 131072, 64", "wikipedia, 8192, 256", "mixed, 131072, 256",
        "prolong, 131072, 256"})
    void movingWorkAndBudgetsKeepFourFifthsOfTheThroughput(String corpus, int context, int globalBatch) {
        double healthy = seconds(corpus, context, globalBatch, 1);
        double slow = seconds(corpus, context, globalBatch, 2);
        assertThat(healthy / slow).isGreaterThanOrEqualTo(0.80);
    }

    /** Of the steps after the warm-up, rank 0 being {@code slowdown} times as slow as predicted. */
    private static double seconds(String corpus, int context, int globalBatch, double slowdown) {
        SplittableRandom random = new SplittableRandom(51);
        StragglerEstimator estimator = new StragglerEstimator(new StragglerEstimator.Settings(1.25, 3, 0.2));
        StragglerState state = estimator.initial(RANKS);
        BudgetMemory memory = BudgetMemory.empty();
        double seconds = 0;
        for (int step = 0; step < STEPS; step++) {
            List<Sample> samples = LengthGenerators.samples(corpus, random, globalBatch, context);
            SparsitySettings settings = new SparsitySettings(32, 4, 128, Anchor.MEAN, 0.1);
            List<Double> speeds = memory.held(estimator.verdicts(state).stream().map(Verdict::speedFactor).toList(),
                    settings.hysteresis());
            BatchPlan batch = BatchingPolicies.byName("sab")
                    .plan(new BatchRequest(samples, MICRO_BATCHES, speeds, 1 << 20, BASE, LATENCY, step));
            List<List<Integer>> lengths = batch.microBatches().stream()
                    .map(m -> m.stream().map(Sample::length).toList()).toList();
            BudgetPlan plan = new DynamicSparsity().plan(
                    new BudgetRequest(lengths, batch.rankOf(), speeds, settings, LATENCY, CURVES, memory));
            memory = plan.memory();
            double[] predicted = new double[RANKS];
            for (int i = 0; i < lengths.size(); i++) {
                predicted[batch.rankOf().get(i)] += LATENCY.microBatchSeconds(lengths.get(i), plan.budgets().get(i));
            }
            List<RankObservation> observations = new ArrayList<>();
            double longest = 0;
            for (int rank = 0; rank < RANKS; rank++) {
                double busy = predicted[rank] * (rank == 0 ? slowdown : 1) * Math.exp(0.03 * random.nextGaussian());
                observations.add(new RankObservation(rank, busy, predicted[rank], 0));
                longest = Math.max(longest, busy);
            }
            state = estimator.observe(state, observations);
            seconds += step >= WARM_UP ? longest : 0;
        }
        assertThat(estimator.verdicts(state)).allMatch(v -> v.straggler() == (v.rank() == 0 && slowdown > 1));
        return seconds;
    }
}
