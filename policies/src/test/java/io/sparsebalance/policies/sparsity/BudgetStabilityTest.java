package io.sparsebalance.policies.sparsity;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.straggler.RankObservation;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.straggler.StragglerState;
import io.sparsebalance.policies.straggler.Verdict;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Budgets from step to step: no oscillation, bounded change. */
class BudgetStabilityTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final List<Integer> SAMPLED = List.of(2, 4, 8, 16, 32, 64);
    private static final int RANKS = 4;

    /** The same step again and again, with busy times and coverage off by up to 5 %, through the estimators. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void noiseDoesNotMoveBudgets(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<List<Integer>> lengths = lengths("chatqa2", random, 2 * RANKS, 2);
        List<Integer> ranks = ranks(lengths.size());
        SparsitySettings settings = new SparsitySettings(16, 4, 64, Anchor.MEAN, 0.1);
        StragglerEstimator estimator = new StragglerEstimator(new StragglerEstimator.Settings(1.25, 3, 0.2));
        StragglerState speeds = estimator.initial(RANKS);
        RunningCoverage coverage = RunningCoverage.empty(Tables.PAIRS.block(), settings.hysteresis());
        CoverageCurves truth = CoverageTable.unmeasured(Tables.PAIRS.block()).model();
        BudgetMemory memory = BudgetMemory.empty();
        List<Budgets> before = List.of();
        int changes = 0;
        for (int step = 0; step < 300; step++) {
            List<Double> held = memory.held(
                    estimator.verdicts(speeds).stream().map(Verdict::speedFactor).toList(), settings.hysteresis());
            BudgetPlan plan = new DynamicSparsity()
                    .plan(new BudgetRequest(lengths, ranks, held, settings, LATENCY, coverage, memory));
            memory = plan.memory();
            changes += step >= 100 && !plan.budgets().equals(before) ? 1 : 0;
            before = plan.budgets();
            List<RankObservation> observations = new ArrayList<>();
            for (int rank = 0; rank < RANKS; rank++) {
                observations.add(new RankObservation(rank, noise(random), 1, 0));
            }
            speeds = estimator.observe(speeds, observations);
            List<RunningCoverage.Observation> reports = new ArrayList<>();
            for (List<Integer> microBatch : lengths) {
                reports.add(report(microBatch, truth, random));
            }
            coverage = coverage.observe(SAMPLED, reports);
        }
        assertThat(changes).as("changes of budgets in 200 steps").isLessThanOrEqualTo(6);
    }

    private static RunningCoverage.Observation report(List<Integer> lengths, CoverageCurves truth,
            SplittableRandom random) {
        double tokens = lengths.stream().mapToInt(Integer::intValue).sum();
        List<List<Double>> byLayer = new ArrayList<>();
        for (int layer = 0; layer < Tables.LAYERS; layer++) {
            List<Double> curve = new ArrayList<>();
            for (int budget : SAMPLED) {
                double mean = 0;
                for (int length : lengths) {
                    mean += truth.coverage(layer, length, budget) * length / tokens;
                }
                curve.add(Math.min(1, mean * noise(random)));
            }
            byLayer.add(curve);
        }
        return new RunningCoverage.Observation(lengths, byLayer);
    }

    private static double noise(SplittableRandom random) {
        return 0.95 + 0.1 * random.nextDouble();
    }

    @ParameterizedTest
    @ValueSource(strings = {"chatqa2", "longalign", "wikipedia", "mixed", "prolong"})
    void aStepChangesBudgetsWithinTheBoundAndTheTargetStaysReachable(String corpus) {
        SplittableRandom random = new SplittableRandom(31);
        double factor = 1.3;
        BudgetMemory memory = BudgetMemory.empty();
        for (int step = 0; step < 60; step++) {
            Anchor anchor = step < 30 ? Anchor.MIN : Anchor.MAX;
            SparsitySettings settings = new SparsitySettings(16, 2, 64, anchor, step < 30 ? 0.6 : 0.3, factor, 0.05);
            List<List<Integer>> lengths = lengths(corpus, random, 2 * RANKS, 3);
            BudgetPlan plan = new DynamicSparsity().plan(new BudgetRequest(lengths, ranks(lengths.size()),
                    Collections.nCopies(RANKS, 1.0), settings, LATENCY,
                    CoverageTable.unmeasured(Tables.PAIRS.block()).model(), memory));
            double[] busy = new double[RANKS];
            for (int i = 0; i < lengths.size(); i++) {
                busy[i % RANKS] += plan.predictedSeconds().get(i);
                int longest = Collections.max(lengths.get(i));
                List<Double> running = memory.budgets(BudgetMemory.band(longest));
                for (int layer = 0; layer < Tables.LAYERS && !running.isEmpty(); layer++) {
                    int budget = plan.budgets().get(i).at(layer);
                    double low = Math.min(16, running.get(layer) / factor);
                    double high = Math.max(16, running.get(layer) * factor);
                    int most = Math.max(settings.minBudget(), LATENCY.numBlocks(longest));
                    assertThat((double) budget).isGreaterThanOrEqualTo(Math.min(most, low));
                    assertThat((double) budget)
                            .isLessThanOrEqualTo(Math.max(high, plan.floors().get(i).at(layer)));
                }
            }
            for (double rank : busy) {
                assertThat(rank).isLessThanOrEqualTo(plan.targetSeconds() * (1 + 1e-9));
            }
            memory = plan.memory();
        }
    }

    @Test
    void aSpeedIsHeldUntilItMovesByMoreThanTheHysteresis() {
        BudgetMemory memory = new BudgetMemory(List.of(1.0, 2.0), List.of());
        assertThat(memory.held(List.of(1.04, 2.09), 0.05)).containsExactly(1.0, 2.0);
        assertThat(memory.held(List.of(1.06, 1.8), 0.05)).containsExactly(1.06, 1.8);
        assertThat(memory.held(List.of(1.5), 0.05)).containsExactly(1.5);
    }

    private static List<List<Integer>> lengths(String corpus, SplittableRandom random, int numMicroBatches,
            int documents) {
        List<List<Integer>> lengths = new ArrayList<>();
        for (int i = 0; i < numMicroBatches; i++) {
            List<Integer> microBatch = new ArrayList<>();
            for (int d = 0; d < documents; d++) {
                microBatch.add(LengthGenerators.draw(corpus, random, 32_768));
            }
            lengths.add(microBatch);
        }
        return lengths;
    }

    private static List<Integer> ranks(int numMicroBatches) {
        List<Integer> ranks = new ArrayList<>();
        for (int i = 0; i < numMicroBatches; i++) {
            ranks.add(i % RANKS);
        }
        return ranks;
    }
}
