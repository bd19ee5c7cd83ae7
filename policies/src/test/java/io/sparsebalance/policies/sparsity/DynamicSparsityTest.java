package io.sparsebalance.policies.sparsity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DynamicSparsityTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final double ROUNDING = 1e-9;

    @ParameterizedTest
    @EnumSource(Anchor.class)
    void budgetsKeepFloorsAndLimitsAndEveryRankReachesTheTarget(Anchor anchor) {
        SplittableRandom random = new SplittableRandom(21);
        for (int i = 0; i < 100; i++) {
            BudgetRequest request = request(random, anchor, LengthGenerators.NAMES.get(i % 5),
                    i % 2 == 0 ? "sab" : "random");
            BudgetPlan plan = new DynamicSparsity().plan(request);
            SparsitySettings settings = request.settings();
            double[] busy = new double[request.rankSpeeds().size()];
            for (int m = 0; m < plan.budgets().size(); m++) {
                for (int layer = 0; layer < Tables.LAYERS; layer++) {
                    int budget = plan.budgets().get(m).byLayer().get(layer);
                    assertThat(budget).isBetween(plan.floors().get(m).byLayer().get(layer), settings.maxBudget());
                    assertThat(plan.floors().get(m).byLayer().get(layer)).isBetween(settings.minBudget(),
                            settings.baseBudget());
                }
                busy[request.ranks().get(m)] += plan.predictedSeconds().get(m);
            }
            for (double rank : busy) {
                assertThat(rank).isLessThanOrEqualTo(plan.targetSeconds() * (1 + ROUNDING));
            }
            assertThat(new DynamicSparsity().plan(request)).isEqualTo(plan);
        }
    }

    @Test
    void isoDensityNeverPaysLessAttentionThanTheBase() {
        SplittableRandom random = new SplittableRandom(22);
        for (int i = 0; i < 200; i++) {
            BudgetRequest request = request(random, Anchor.ISO_DENSITY, LengthGenerators.NAMES.get(i % 5), "sab");
            BudgetPlan plan = new DynamicSparsity().plan(request);
            double pairs = 0;
            double basePairs = 0;
            for (int m = 0; m < plan.budgets().size(); m++) {
                for (int length : request.lengths().get(m)) {
                    for (int budget : plan.budgets().get(m).byLayer()) {
                        pairs += Tables.PAIRS.count(length, budget);
                        basePairs += Tables.PAIRS.count(length, request.settings().baseBudget());
                    }
                }
            }
            assertThat(pairs).isGreaterThanOrEqualTo(basePairs * (1 - ROUNDING));
        }
    }

    @Test
    void theMeanAnchorEvensRanksOutWhereFloorsAllowIt() {
        SplittableRandom random = new SplittableRandom(23);
        double fixed = 0;
        double tuned = 0;
        for (int i = 0; i < 100; i++) {
            BudgetRequest request = request(random, Anchor.MEAN, "chatqa2", "sab");
            fixed += imbalance(request, new FixedSparsity().plan(request));
            tuned += imbalance(request, new DynamicSparsity().plan(request));
        }
        assertThat(tuned).isLessThan(fixed);
    }

    @Test
    void withoutAGuardToSpareTheFloorIsTheBase() {
        BudgetRequest request = new BudgetRequest(List.of(List.of(20_000), List.of(500)), List.of(0, 1),
                List.of(1.0, 1.0),
                new SparsitySettings(8, 2, 64, Anchor.MIN, 0), LATENCY, RunningCoverage.empty(64));
        BudgetPlan plan = new DynamicSparsity().plan(request);
        assertThat(plan.floors().get(0)).isEqualTo(Budgets.uniform(8, Tables.LAYERS));
        assertThat(plan.targetSeconds()).isCloseTo(plan.baseSeconds().get(0), within(1e-12));
    }

    @Test
    void layersThatNeedAttentionGetMore() {
        CoverageCurves curves = (layer, length, budget) -> layer == 0 ? Math.min(1, budget / 64.0) : 1;
        BudgetRequest request = new BudgetRequest(List.of(List.of(16_000), List.of(18_000)), List.of(0, 1),
                List.of(1.0, 1.0),
                new SparsitySettings(8, 2, 64, Anchor.MAX, 0.5), LATENCY, curves);
        List<Integer> budgets = new DynamicSparsity().plan(request).budgets().get(0).byLayer();
        assertThat(budgets.get(0)).isGreaterThan(budgets.get(1));
    }

    @Test
    void aLaggingRankLosesBudgetInsideTheStepAndStartedWorkIsLeftAlone() {
        List<List<Integer>> lengths = List.of(List.of(16_000), List.of(16_000), List.of(16_000), List.of(16_000));
        BudgetRequest request = new BudgetRequest(lengths, List.of(0, 0, 1, 1), List.of(1.0, 1.0),
                new SparsitySettings(16, 2, 64, Anchor.MEAN, 0.5), LATENCY, RunningCoverage.empty(64));
        BudgetPlan before = new DynamicSparsity().plan(request);
        double half = before.predictedSeconds().get(0);
        BudgetPlan after = new DynamicSparsity().replan(request, before.budgets(), Set.of(0, 2),
                List.of(2 * half, half));
        assertThat(after.budgets().get(0)).isEqualTo(before.budgets().get(0));
        assertThat(after.budgets().get(2)).isEqualTo(before.budgets().get(2));
        assertThat(after.budgets().get(1).mean()).isLessThan(before.budgets().get(1).mean());
        assertThat(after.budgets().get(3).mean()).isGreaterThanOrEqualTo(before.budgets().get(3).mean());
    }

    @Test
    void badSettingsAreNamed() {
        assertThatThrownBy(() -> new SparsitySettings(8, 0, 64, Anchor.MEAN, 0.1)).hasMessageContaining("k-min");
        assertThatThrownBy(() -> new SparsitySettings(8, 2, 64, Anchor.MEAN, 1.5)).hasMessageContaining("guard");
        assertThatThrownBy(() -> SparsityPolicies.byName("dist")).hasMessageContaining("dst");
    }

    private static BudgetRequest request(SplittableRandom random, Anchor anchor, String corpus, String batching) {
        int numRanks = 2 + random.nextInt(3);
        List<Sample> samples = LengthGenerators.samples(corpus, random, 8 + random.nextInt(16), 32_768);
        List<Double> speeds = new ArrayList<>(Collections.nCopies(numRanks, 1.0));
        speeds.set(0, 1 + random.nextDouble());
        SparsitySettings settings = new SparsitySettings(8 + random.nextInt(8), 2, 64, anchor,
                0.3 * random.nextDouble());
        BatchPlan plan = BatchingPolicies.byName(batching).plan(new BatchRequest(samples, 2 * numRanks, speeds, 1 << 20,
                Budgets.uniform(settings.baseBudget(), Tables.LAYERS), LATENCY, random.nextLong()));
        return new BudgetRequest(
                plan.microBatches().stream().map(m -> m.stream().map(Sample::length).toList()).toList(),
                plan.rankOf(), speeds, settings, LATENCY, RunningCoverage.empty(64));
    }

    private static double imbalance(BudgetRequest request, BudgetPlan plan) {
        double[] busy = new double[request.rankSpeeds().size()];
        double sum = 0;
        double max = 0;
        for (int m = 0; m < plan.budgets().size(); m++) {
            busy[request.ranks().get(m)] += plan.predictedSeconds().get(m);
        }
        for (double rank : busy) {
            sum += rank;
            max = Math.max(max, rank);
        }
        return max / (sum / busy.length);
    }
}
