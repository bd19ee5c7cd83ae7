package io.sparsebalance.policies.sparsity;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.simulation.DerivedTable;
import io.sparsebalance.policies.workload.LengthGenerators;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Speed-up and imbalance on the named length lists: 8 ranks x 2 micro-batches, budget 32 x 256, latencies of
 * {@link DerivedTable}, default coverage, p = 0.1, the memory of budgets carried from step to step. A step takes as long as
 * its slowest rank; speed-up and bound are ratios of sums over the steps, imbalance is the mean over them. The bound is the
 * time of a perfect balance at fixed budgets.
 *
 * <p>Wikipedia is cut at 32,768 tokens, about a rank's mean share of a step: a
 * longer document outweighs its rank, and neither batching nor budgets within the guard can hide it.
 */
class NamedCorporaTest {
    private static final LatencyModel LATENCY = DerivedTable.table().model();
    private static final int RANKS = 8;
    private static final int STEPS = 30;
    private static final int BASE = 32;
    private static final Budgets BUDGETS = Budgets.uniform(BASE, LATENCY.numLayers());

    /** Sums over the steps of one arm. */
    private static final class Arm {
        private final String batching;
        private final String sparsity;
        private final SparsitySettings settings;
        private BudgetMemory memory = BudgetMemory.empty();
        private double seconds;
        private double baseMean;
        private double imbalance;

        Arm(String batching, String sparsity, Anchor anchor) {
            this.batching = batching;
            this.sparsity = sparsity;
            this.settings = new SparsitySettings(BASE, 4, 256, anchor, 0.1);
        }

        void step(List<Sample> samples, long seed) {
            BatchPlan batch = BatchingPolicies.byName(batching).plan(new BatchRequest(samples, 2 * RANKS,
                    Collections.nCopies(RANKS, 1.0), 1 << 22, BUDGETS, LATENCY, seed));
            List<List<Integer>> lengths = batch.microBatches().stream()
                    .map(microBatch -> microBatch.stream().map(Sample::length).toList()).toList();
            List<Integer> ranks = batch.rankOf();
            BudgetPlan plan = SparsityPolicies.byName(sparsity).plan(new BudgetRequest(lengths, ranks,
                    Collections.nCopies(RANKS, 1.0), settings, LATENCY, CURVES, memory));
            memory = plan.memory();
            double[] busy = new double[RANKS];
            double sum = 0;
            double most = 0;
            double baseSum = 0;
            for (int i = 0; i < lengths.size(); i++) {
                double predicted = LATENCY.microBatchSeconds(lengths.get(i), plan.budgets().get(i));
                busy[ranks.get(i)] += predicted;
                sum += predicted;
                most = Math.max(most, busy[ranks.get(i)]);
                baseSum += LATENCY.microBatchSeconds(lengths.get(i), BUDGETS);
            }
            baseMean += baseSum / RANKS;
            imbalance += most / (sum / RANKS) / STEPS;
            seconds += most;
        }
    }

    private static final CoverageCurves CURVES = CoverageTable.unmeasured(DerivedTable.table().pairs().block()).model();

    @ParameterizedTest
    @CsvSource({"chatqa2, 131072, 64, 1.6, 1.05, 0.95", "longalign, 131072, 64, 1.22, 1.05, 0.95",
        "wikipedia, 32768, 256, 1.6, 1.10, 0.90", "mixed, 131072, 256, 1.45, 1.05, 0.95",
        "prolong, 131072, 256, 1.7, 1.05, 0.95"})
    void batchingAndBudgetsTogetherReachTheBound(String corpus, int context, int globalBatch, double speedup,
            double imbalance,
            double shareOfBound) {
        SplittableRandom random = new SplittableRandom(7);
        Arm fixed = new Arm("random", "fixed", Anchor.MEAN);
        Arm sab = new Arm("sab", "fixed", Anchor.MEAN);
        Arm mean = new Arm("sab", "dst", Anchor.MEAN);
        Arm iso = new Arm("sab", "dst", Anchor.ISO_DENSITY);
        for (int step = 0; step < STEPS; step++) {
            List<Sample> samples = LengthGenerators.samples(corpus, random, globalBatch, context);
            for (Arm arm : List.of(fixed, sab, mean, iso)) {
                arm.step(samples, step);
            }
        }
        double reached = fixed.seconds / mean.seconds;
        double bound = fixed.seconds / fixed.baseMean;
        assertThat(reached).isGreaterThanOrEqualTo(speedup).isGreaterThanOrEqualTo(shareOfBound * bound);
        assertThat(mean.imbalance).isLessThanOrEqualTo(imbalance);
        assertThat(mean.seconds).isLessThanOrEqualTo(sab.seconds * (1 + 1e-9));
        assertThat(iso.seconds).isLessThanOrEqualTo(mean.seconds / 0.95);
    }
}
