package io.sparsebalance.policies.batching;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How close to even the ranks come, at the sizes that are trained with, and how long it takes to find out. */
class BalanceQualityTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final Budgets BASE = Budgets.uniform(8, Tables.LAYERS);
    private static final int CONTEXT = 65_536;
    private static final int NO_CAP = 1 << 24;

    @Test
    void sabIsNotBehindLbbOnAnyMixtureAndAheadOnMost() {
        SplittableRandom random = new SplittableRandom(31);
        int better = 0;
        for (int list = 0; list < 200; list++) {
            double[] shares = random.doubles(LengthGenerators.NAMES.size()).map(x -> x * x * x).toArray();
            double sab = 0;
            double lbb = 0;
            for (int step = 0; step < 3; step++) {
                BatchRequest request = request(mixture(random, shares, 64), 16, 8);
                sab += Plans.slowest(request, new SparsityAwareBatching().plan(request));
                lbb += Plans.slowest(request, new LengthSquaredBatching().plan(request));
            }
            assertThat(sab).as("list %s", list).isLessThanOrEqualTo(1.01 * lbb);
            better += sab < 0.99 * lbb ? 1 : 0;
        }
        assertThat(better).isGreaterThan(150);
    }

    private static List<Sample> mixture(SplittableRandom random, double[] shares, int count) {
        double all = Arrays.stream(shares).sum();
        List<Sample> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double drawn = random.nextDouble() * all;
            int name = 0;
            while (name < shares.length - 1 && drawn > shares[name]) {
                drawn -= shares[name++];
            }
            samples.add(new Sample(i, LengthGenerators.draw(LengthGenerators.NAMES.get(name), random, CONTEXT)));
        }
        return samples;
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 8, 4, 2})
    void oneContentIsCloseToIdealForManyNumbersOfRanks(int numRanks) {
        SplittableRandom random = new SplittableRandom(32);
        for (String corpus : LengthGenerators.NAMES) {
            double over = 0;
            for (int i = 0; i < 20; i++) {
                BatchRequest request = request(LengthGenerators.samples(corpus, random, 128, CONTEXT), 16, numRanks);
                BatchPlan plan = new SparsityAwareBatching().plan(request);
                over += Plans.slowest(request, plan) / Plans.bound(request, plan) - 1;
            }
            assertThat(over / 20).as(corpus).isLessThan(0.01);
        }
    }

    @Test
    void aDocumentLongerThanAMicroBatchsShareGetsAShortOneBesideIt() {
        List<Sample> samples = new ArrayList<>(List.of(new Sample(0, 60_000)));
        for (int i = 1; i < 200; i++) {
            samples.add(new Sample(i, 2000 + 13 * i));
        }
        BatchRequest request = request(samples, 16, 8);
        BatchPlan plan = new SparsityAwareBatching().plan(request);
        assertThat(plan.microBatches()).hasSize(16);
        assertThat(Plans.imbalance(request, plan)).isLessThan(1.001);
    }

    @ParameterizedTest
    @CsvSource({"1024, 8192, 65536, 2000", "4096, 32768, 262144, 10000", "1024, 2048, 8192, 200"})
    void largeStepsArePlannedInTime(int numRanks, int numMicroBatches, int numSamples, long mostMillis) {
        SplittableRandom random = new SplittableRandom(33);
        List<Long> nanos = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            BatchRequest request = request(LengthGenerators.samples("mixed", random, numSamples, CONTEXT),
                    numMicroBatches, numRanks);
            long start = System.nanoTime();
            BatchPlan plan = new SparsityAwareBatching().plan(request);
            nanos.add(System.nanoTime() - start);
            assertThat(Plans.slowest(request, plan)).isLessThan(1.03 * Plans.bound(request, plan));
        }
        // Ten times what it takes, since other work may keep the machine busy.
        assertThat(Duration.ofNanos(Collections.min(nanos)).toMillis()).isLessThan(mostMillis);
    }

    private static BatchRequest request(List<Sample> samples, int numMicroBatches, int numRanks) {
        return new BatchRequest(samples, numMicroBatches, Collections.nCopies(numRanks, 1.0), NO_CAP, BASE, LATENCY,
                samples.size());
    }
}
