package io.sparsebalance.policies.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LatencyTableTest {
    @Test
    void selectedPairsAgreeWithCountingThem() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 300; i++) {
            SelectedPairs pairs = new SelectedPairs(1 + random.nextInt(40), 1 + random.nextInt(40), random.nextInt(3));
            int length = 1 + random.nextInt(200);
            int budget = 1 + random.nextInt(8);
            assertThat(pairs.count(length, budget)).as(pairs + " " + length + " " + budget)
                    .isEqualTo(counted(pairs, length, budget));
            assertThat(pairs.count(length, 1000)).isEqualTo(SelectedPairs.causal(length));
        }
    }

    private static long counted(SelectedPairs pairs, int length, int budget) {
        long count = 0;
        for (int q = 0; q < length; q++) {
            int from = q / pairs.queryTile() * pairs.queryTile();
            int last = (Math.min(length, from + pairs.queryTile()) - 1) / pairs.block();
            int past = from / pairs.block();
            int kept = Math.min(past, Math.max(pairs.forcedBlocks(), budget - (last - past + 1)));
            for (int k = 0; k <= q; k++) {
                int block = k / pairs.block();
                // Which past blocks are kept does not matter for the count: take the first ones.
                if (block >= past || block < kept) {
                    count++;
                }
            }
        }
        return count;
    }

    @Test
    void manyBudgetsAtOnceAreReadLikeEachByItself() {
        SplittableRandom random = new SplittableRandom(4);
        int[] budgets = {1, 2, 3, 5, 8, 13, 40, 41, 300};
        double[] read = new double[budgets.length + 1];
        for (int i = 0; i < 20; i++) {
            LatencyModel model = Tables.table(random, 0.6).model();
            for (int j = 0; j < 50; j++) {
                int length = 1 + random.nextInt(200_000);
                model.attentionSeconds(length, budgets, read, 1);
                for (int k = 0; k < budgets.length; k++) {
                    assertThat(read[k + 1]).isEqualTo(model.attentionSeconds(length, budgets[k]));
                }
            }
        }
    }

    @Test
    void moreTokensOrALargerBudgetNeverTakeLessTimeHoweverNoisyTheTable() {
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 100; i++) {
            LatencyModel model = Tables.table(random, 0.6).model();
            for (int j = 0; j < 50; j++) {
                int length = 1 + random.nextInt(100_000);
                int budget = 1 + random.nextInt(200);
                double seconds = model.attentionSeconds(length, budget);
                assertThat(seconds).isNotNegative().isFinite();
                assertThat(model.attentionSeconds(length, budget + 1 + random.nextInt(20)))
                        .isGreaterThanOrEqualTo(seconds * (1 - 1e-12));
                assertThat(model.attentionSeconds(length + 1 + random.nextInt(500), budget))
                        .isGreaterThanOrEqualTo(seconds * (1 - 1e-12));
                assertThat(model.linearSeconds(length + 1L)).isGreaterThanOrEqualTo(model.linearSeconds(length));
            }
        }
    }

    @Test
    void pointsThatDoNotContradictEachOtherAreMetExactly() {
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 20; i++) {
            // Off by less than half the step from point to point, so that all still ascend.
            LatencyTable table = Tables.table(random, 0.05);
            LatencyModel model = table.model();
            for (LatencyTable.AttentionPoint point : table.attention()) {
                if (point.budget() < model.numBlocks(point.length())) {
                    assertThat(model.attentionSeconds(point.length(), point.budget()))
                            .isCloseTo(point.seconds(), withinPercentage(1e-9));
                }
            }
        }
    }

    @Test
    void onePointIsEnoughAndTheModelStaysMonotone() {
        LatencyModel model = new LatencyTable(1, Tables.PAIRS, "one point",
                List.of(new LatencyTable.AttentionPoint(1024, 4, 1e-3)),
                List.of(new LatencyTable.LinearPoint(10, 1e-3)),
                0).model();
        assertThat(model.attentionSeconds(1024, 4)).isCloseTo(1e-3, withinPercentage(1e-9));
        double before = 0;
        for (int length = 1; length < 10_000; length += 37) {
            double seconds = model.attentionSeconds(length, 4);
            assertThat(seconds).isGreaterThanOrEqualTo(before * (1 - 1e-12)).isPositive();
            before = seconds;
        }
    }

    @Test
    void predictsLengthsAndBudgetsThatWereNotMeasured() {
        SplittableRandom random = new SplittableRandom(3);
        LatencyTable table = Tables.table(random, 0.02);
        List<LatencyTable.Measured> measured = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            List<Integer> lengths = List.of(100 + random.nextInt(20_000), 100 + random.nextInt(5000));
            int budget = 2 + random.nextInt(60);
            double seconds = 1e-4 + 4e-7 * (lengths.get(0) + lengths.get(1));
            for (int length : lengths) {
                seconds += Tables.LAYERS * Tables.attention(length, budget);
            }
            measured.add(new LatencyTable.Measured(lengths, Budgets.uniform(budget, Tables.LAYERS), seconds));
        }
        LatencyTable.Errors errors = table.errors(measured);
        assertThat(errors.median()).isLessThan(0.03);
        assertThat(errors.p95()).isLessThan(0.06);
    }

    @Test
    void densityIsOneWhereTheBudgetCoversTheDocument() {
        LatencyModel model = Tables.exact();
        assertThat(model.density(640, 10)).isEqualTo(1.0);
        assertThat(model.density(6400, 10)).isBetween(0.1, 0.3);
        assertThat(model.numBlocks(641)).isEqualTo(11);
    }

    @Test
    void badPointsAreNamed() {
        assertThatThrownBy(() -> new LatencyTable(1, Tables.PAIRS, "", List.of(), List.of(), 0))
                .hasMessageContaining("attention point");
        assertThatThrownBy(
                () -> new LatencyTable(1, Tables.PAIRS, "", List.of(new LatencyTable.AttentionPoint(1, 1, 0)),
                        List.of(new LatencyTable.LinearPoint(1, 1)), 0))
                .hasMessageContaining("seconds=0.0");
        assertThatThrownBy(() -> Tables.exact().microBatchSeconds(List.of(5), Budgets.uniform(1, 7)))
                .hasMessageContaining("7 layers");
    }
}
