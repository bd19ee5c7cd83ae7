package io.sparsebalance.policies.batching;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchingPolicyTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final Budgets BASE = Budgets.uniform(8, Tables.LAYERS);

    @ParameterizedTest
    @ValueSource(strings = {"random", "sorted", "lbb", "sab"})
    void placesEverySampleOnceUnderTheCapAndIsDeterministic(String name) {
        SplittableRandom random = new SplittableRandom(11);
        BatchingPolicy policy = BatchingPolicies.byName(name);
        for (int i = 0; i < 300; i++) {
            BatchRequest request = request(random, LengthGenerators.NAMES.get(i % 5));
            BatchPlan plan = policy.plan(request);
            List<Sample> placed = new ArrayList<>();
            for (List<Sample> microBatch : plan.microBatches()) {
                assertThat(microBatch).isNotEmpty();
                assertThat(microBatch.stream().mapToLong(Sample::length).sum()).isLessThanOrEqualTo(request.tokenCap());
                placed.addAll(microBatch);
            }
            assertThat(placed).containsExactlyInAnyOrderElementsOf(request.samples());
            assertThat(plan.rankOf()).hasSameSizeAs(plan.microBatches());
            assertThat(plan.rankOf()).allMatch(rank -> rank >= 0 && rank < request.numRanks());
            assertThat(policy.plan(request)).isEqualTo(plan);
        }
    }

    @Test
    void sabContentDoesNotDependOnTheNumberOfRanks() {
        SplittableRandom random = new SplittableRandom(12);
        for (int i = 0; i < 50; i++) {
            BatchRequest two = request(random, "chatqa2");
            BatchRequest five = new BatchRequest(two.samples(), two.numMicroBatches(), Collections.nCopies(5, 1.0),
                    two.tokenCap(),
                    BASE, LATENCY, two.seed());
            assertThat(new SparsityAwareBatching().plan(five).microBatches())
                    .isEqualTo(new SparsityAwareBatching().plan(two).microBatches());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"wikipedia", "prolong", "chatqa2", "longalign", "mixed"})
    void sabIsNotSlowerThanTheBaselinesOverManyBatches(String corpus) {
        SplittableRandom random = new SplittableRandom(13);
        double[] slowest = new double[3];
        for (int i = 0; i < 100; i++) {
            BatchRequest request = new BatchRequest(LengthGenerators.samples(corpus, random, 64, 65_536), 16,
                    Collections.nCopies(8, 1.0), 1 << 20, BASE, LATENCY, i);
            slowest[0] += Plans.slowest(request, new SparsityAwareBatching().plan(request));
            slowest[1] += Plans.slowest(request, new LengthSquaredBatching().plan(request));
            slowest[2] += Plans.slowest(request, new RandomBatching().plan(request));
        }
        assertThat(slowest[0]).isLessThanOrEqualTo(slowest[1]).isLessThan(0.9 * slowest[2]);
    }

    @Test
    void aSlowRankGetsLess() {
        SplittableRandom random = new SplittableRandom(15);
        BatchRequest request = new BatchRequest(LengthGenerators.samples("wikipedia", random, 64, 8192), 16,
                List.of(1.0, 3.0),
                1 << 20, BASE, LATENCY, 1);
        BatchPlan plan = new SparsityAwareBatching().plan(request);
        assertThat(plan.rankOf().stream().filter(rank -> rank == 1).count()).isBetween(3L, 5L);
    }

    @Test
    void whatCannotBePlacedIsNamed() {
        assertThatThrownBy(() -> new SparsityAwareBatching()
                .plan(new BatchRequest(List.of(new Sample(7, 500)), 1, List.of(1.0), 100, BASE, LATENCY, 1)))
                .isInstanceOf(InfeasibleBatchException.class).hasMessageContaining("sample 7")
                .hasMessageContaining("batch.token-cap");
        assertThatThrownBy(() -> BatchingPolicies.byName("sob")).hasMessageContaining("sab");
    }

    @Test
    void fewerSamplesThanMicroBatchesLeaveNoneEmpty() {
        BatchPlan plan = new SparsityAwareBatching()
                .plan(new BatchRequest(List.of(new Sample(1, 50)), 4, List.of(1.0, 1.0), 100, BASE, LATENCY, 1));
        assertThat(plan.microBatches()).hasSize(1);
    }

    private static BatchRequest request(SplittableRandom random, String corpus) {
        int context = 1024 << random.nextInt(6);
        List<Sample> samples = LengthGenerators.samples(corpus, random, 1 + random.nextInt(60), context);
        return new BatchRequest(samples, 1 + random.nextInt(16), Collections.nCopies(1 + random.nextInt(6), 1.0),
                context * (1 + random.nextInt(3)), BASE, LATENCY, random.nextLong());
    }
}
