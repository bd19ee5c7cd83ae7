package io.sparsebalance.policies.batching;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against the best that is possible, found by branch and bound, on small instances. */
class OracleTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final Budgets BASE = Budgets.uniform(8, Tables.LAYERS);
    private static final double ROUNDING = 1 + 1e-9;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void sabIsWithinOnePercentOfTheOptimumAndNeverBehindTheBaselines(boolean tightCap) {
        SplittableRandom random = new SplittableRandom(21);
        int close = 0;
        for (int i = 0; i < 1000; i++) {
            BatchRequest request = instance(random, i, tightCap);
            double sab = Plans.slowest(request, new SparsityAwareBatching().plan(request));
            double optimum = Oracle.shortestLongest(request);
            assertThat(sab).isGreaterThanOrEqualTo(optimum / ROUNDING);
            assertThat(sab).as("instance %s", i)
                    .isLessThanOrEqualTo(ROUNDING * Plans.slowest(request, new LengthSquaredBatching().plan(request)))
                    .isLessThanOrEqualTo(ROUNDING * Plans.slowest(request, new RandomBatching().plan(request)));
            close += sab <= 1.01 * optimum ? 1 : 0;
        }
        assertThat(close).isGreaterThanOrEqualTo(970);
    }

    /** As many ranks as micro-batches; with a tight cap, one that the samples just fit. */
    private static BatchRequest instance(SplittableRandom random, int number, boolean tightCap) {
        String corpus = LengthGenerators.NAMES.get(number % LengthGenerators.NAMES.size());
        while (true) {
            int numMicroBatches = 2 + random.nextInt(3);
            List<Sample> samples = LengthGenerators.samples(corpus, random, 5 + random.nextInt(6), 65_536);
            long tokens = samples.stream().mapToLong(Sample::length).sum();
            int longest = samples.stream().mapToInt(Sample::length).max().orElseThrow();
            long fair = (long) ((double) tokens / numMicroBatches * (1.05 + random.nextDouble() / 2));
            int cap = tightCap ? (int) Math.max(longest, fair) : 1 << 24;
            BatchRequest request = new BatchRequest(samples, numMicroBatches,
                    Collections.nCopies(numMicroBatches, 1.0), cap, BASE, LATENCY, number);
            // A cap may be so tight that the samples need more micro-batches: then there is no optimum to compare with.
            if (new SparsityAwareBatching().plan(request).microBatches().size() == numMicroBatches) {
                return request;
            }
        }
    }

    @Test
    void wholeMicroBatchesAreSpreadOverUnequalRanksWithinOnePercentOfTheOptimum() {
        SplittableRandom random = new SplittableRandom(22);
        int close = 0;
        for (int i = 0; i < 1000; i++) {
            double[] speeds = random.doubles(2 + random.nextInt(2), 1, 2).toArray();
            String corpus = LengthGenerators.NAMES.get(i % LengthGenerators.NAMES.size());
            double[] costs = LengthGenerators.samples(corpus, random, 4 + random.nextInt(6), 65_536).stream()
                    .mapToDouble(Sample::length).toArray();
            int[] rankOf = Assignment.assign(costs, speeds, null);
            double[] load = new double[speeds.length];
            for (int m = 0; m < costs.length; m++) {
                load[rankOf[m]] += costs[m] * speeds[rankOf[m]];
            }
            double longest = java.util.Arrays.stream(load).max().orElseThrow();
            close += longest <= 1.01 * Oracle.bestAssignment(costs, speeds) ? 1 : 0;
        }
        assertThat(close).isGreaterThanOrEqualTo(950);
    }
}
