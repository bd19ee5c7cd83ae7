package io.sparsebalance.policies.sparsity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RunningCoverageTest {
    private static final int BLOCK = 64;
    private static final List<Integer> SAMPLED = List.of(2, 8, 32);

    @Test
    void averagesAreRepairedToGrowEverSlowerAndReachOne() {
        SplittableRandom random = new SplittableRandom(24);
        for (int run = 0; run < 50; run++) {
            RunningCoverage coverage = RunningCoverage.empty(BLOCK);
            for (int i = 0; i < 10; i++) {
                coverage = observe(coverage, List.of(4000),
                        List.of(random.nextDouble(), random.nextDouble(), random.nextDouble()));
            }
            double last = 0;
            double lastGain = 1;
            for (int budget = 1; budget <= 70; budget++) {
                double now = coverage.coverage(0, 4000, budget);
                assertThat(now).isBetween(last, 1.0);
                if (budget > 3) {
                    assertThat(now - last).isLessThanOrEqualTo(lastGain + 1e-12);
                }
                lastGain = now - last;
                last = now;
            }
            assertThat(last).isEqualTo(1.0);
        }
    }

    @Test
    void concaveSamplesAreReadAsTheyAreAndNothingAsTheDefault() {
        RunningCoverage coverage = RunningCoverage.empty(BLOCK);
        for (int i = 0; i < 40; i++) {
            coverage = observe(coverage, List.of(4000), List.of(0.45 + (i % 2) * 0.1, 0.8, 0.97));
        }
        assertThat(coverage.coverage(0, 4000, 2)).isCloseTo(0.5, within(1e-9));
        assertThat(coverage.coverage(0, 4000, 8)).isCloseTo(0.8, within(1e-9));
        assertThat(coverage.coverage(0, 4000, 32)).isCloseTo(0.97, within(1e-9));
        // 63 blocks: 2 sqrt(x) - x
        assertThat(coverage.coverage(1, 4000, 16)).isCloseTo(2 * Math.sqrt(16 / 63.0) - 16 / 63.0, within(1e-12));
        assertThat(coverage.coverage(0, 500, 2)).isEqualTo(CoverageTable.unmeasured(BLOCK).model().coverage(0, 500, 2));
    }

    @Test
    void manyBudgetsAtOnceAreReadLikeEachByItself() {
        SplittableRandom random = new SplittableRandom(7);
        int[] budgets = {1, 2, 3, 5, 8, 9, 16, 31, 32, 33, 64};
        double[] read = new double[budgets.length + 2];
        for (int round = 0; round < 200; round++) {
            double first = random.nextDouble();
            double second = first + random.nextDouble() * (1 - first);
            RunningCoverage coverage = observe(RunningCoverage.empty(BLOCK), List.of(4000),
                    List.of(first, second, random.nextDouble()));
            for (int length : new int[]{60, 500, 1500, 2100, 4000}) {
                for (int layer = 0; layer < 2; layer++) {
                    coverage.coverage(layer, length, budgets, read, 2);
                    for (int k = 0; k < budgets.length; k++) {
                        assertThat(read[k + 2]).isCloseTo(coverage.coverage(layer, length, budgets[k]), within(1e-12));
                    }
                }
            }
        }
    }

    @Test
    void bandsThatShareMicroBatchesAreToldApart() {
        SplittableRandom random = new SplittableRandom(25);
        RunningCoverage coverage = RunningCoverage.empty(BLOCK);
        List<Double> shorter = List.of(0.5, 0.75, 0.95);
        List<Double> longer = List.of(0.2, 0.4, 0.7);
        for (int i = 0; i < 400; i++) {
            int numShort = 1 + random.nextInt(6);
            List<Integer> lengths = new ArrayList<>(List.of(9000));
            List<Double> mean = new ArrayList<>();
            for (int s = 0; s < numShort; s++) {
                lengths.add(3000);
            }
            double share = 9000.0 / (9000 + 3000 * numShort);
            for (int k = 0; k < 3; k++) {
                mean.add(share * longer.get(k) + (1 - share) * shorter.get(k));
            }
            coverage = observe(coverage, lengths, mean);
        }
        for (int k = 0; k < 3; k++) {
            assertThat(coverage.coverage(0, 9000, SAMPLED.get(k))).isCloseTo(longer.get(k), within(0.04));
            assertThat(coverage.coverage(0, 3000, SAMPLED.get(k))).isCloseTo(shorter.get(k), within(0.04));
        }
    }

    @Test
    void documentsThatABudgetCoversAreNotLearnedFrom() {
        // 500 tokens are 8 blocks: at 8 and 32 the short document is whole, and all the rest is the long one's.
        RunningCoverage coverage = observe(RunningCoverage.empty(BLOCK), List.of(500, 9500),
                List.of(0.3, 0.05 + 0.95 * 0.6, 0.05 + 0.95 * 0.9));
        assertThat(coverage.coverage(0, 9500, 8)).isCloseTo(0.6, within(1e-9));
        assertThat(coverage.coverage(0, 9500, 32)).isCloseTo(0.9, within(1e-9));
    }

    @Test
    void whatIsReadStaysWhileAveragesMoveWithinTheHysteresis() {
        RunningCoverage coverage = RunningCoverage.empty(BLOCK, 0.05);
        coverage = observe(coverage, List.of(4000), List.of(0.5, 0.8, 0.97));
        coverage = observe(coverage, List.of(4000), List.of(0.5, 0.805, 0.97));
        assertThat(coverage.coverage(0, 4000, 8)).isCloseTo(0.8, within(1e-12));
        coverage = observe(coverage, List.of(4000), List.of(0.5, 0.9, 0.97));
        assertThat(coverage.coverage(0, 4000, 8)).isCloseTo((0.8 + 0.805 + 0.9) / 3, within(1e-9));
    }

    @Test
    void theTableHoldsWhatWasSeenAndReadsTheSame() {
        RunningCoverage coverage = observe(RunningCoverage.empty(BLOCK), List.of(4000), List.of(0.5, 0.8, 0.97));
        CoverageTable table = coverage.table();
        assertThat(table.curves()).containsExactly(
                new CoverageTable.Curve(0, 11, SAMPLED, List.of(0.5, 0.8, 0.97)));
        for (int budget = 1; budget < 70; budget++) {
            assertThat(table.model().coverage(0, 4000, budget)).isEqualTo(coverage.coverage(0, 4000, budget));
        }
        assertThat(RunningCoverage.empty(BLOCK).observe(SAMPLED, List.of()).table().curves()).isEmpty();
    }

    @Test
    void badTablesAreNamed() {
        assertThatThrownBy(() -> new CoverageTable.Curve(0, 11, List.of(2, 2), List.of(0.5, 0.6)))
                .hasMessageContaining("ascend");
        assertThatThrownBy(() -> new CoverageTable.Curve(0, 40, List.of(2), List.of(0.5))).hasMessageContaining("band");
        CoverageTable.Curve curve = new CoverageTable.Curve(0, 11, List.of(2), List.of(0.5));
        assertThatThrownBy(() -> new CoverageTable(64, List.of(curve, curve))).hasMessageContaining("two curves");
    }

    private static RunningCoverage observe(RunningCoverage before, List<Integer> lengths, List<Double> coverage) {
        return before.observe(SAMPLED, List.of(new RunningCoverage.Observation(lengths, List.of(coverage))));
    }
}
