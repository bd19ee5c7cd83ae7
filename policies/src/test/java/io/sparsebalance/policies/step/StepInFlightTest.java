package io.sparsebalance.policies.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.FixedSparsity;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.sparsity.SparsityPolicy;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.workload.Tables;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepInFlightTest {
    private static final LatencyModel LATENCY = Tables.exact();
    private static final SparsitySettings SPARSITY = new SparsitySettings(16, 2, 32, Anchor.MEAN, 0.5);
    private static final RunningCoverage COVERAGE = RunningCoverage.empty(64);
    private static final List<List<Integer>> LENGTHS = List.of(List.of(500), List.of(4000), List.of(2000, 300),
            List.of(900));

    @Test
    void aRankGetsItsLongestFirstAndHoldsOneAtATime() {
        StepInFlight step = step(new FixedSparsity(), LENGTHS, List.of(0, 0, 0, 1), List.of(1.0, 1.0));
        assertThat(step.next(0)).hasValue(1);
        assertThat(step.granted(0)).hasValue(1);
        assertThat(step.next(0)).isEmpty();
        assertThat(step.complete(done(step, 1, 0, 1))).isTrue();
        assertThat(step.granted(0)).isEmpty();
        assertThat(step.next(0)).hasValue(2);
        step.complete(done(step, 2, 0, 1));
        assertThat(step.next(0)).hasValue(0);
        step.complete(done(step, 0, 0, 1));
        assertThat(step.next(0)).isEmpty();
        assertThat(step.isDone()).isFalse();
        assertThat(step.next(1)).hasValue(3);
        step.complete(done(step, 3, 1, 1));
        assertThat(step.isDone()).isTrue();
    }

    @Test
    void aCompletionThatWasNotGrantedOrIsRepeatedIsRefused() {
        StepInFlight step = step(new FixedSparsity(), LENGTHS, List.of(0, 0, 0, 1), List.of(1.0, 1.0));
        int granted = step.next(0).getAsInt();
        for (Completion wrong : List.of(new Completion(granted, 1, 1, 0), new Completion(0, 0, 1, 0),
                new Completion(-1, 1, 1, 0), new Completion(99, 0, 1, 0), new Completion(granted, -1, 1, 0),
                new Completion(granted, 2, 1, 0))) {
            assertThat(step.complete(wrong)).as(wrong.toString()).isFalse();
        }
        assertThat(step.complete(new Completion(granted, 0, 1, 0))).isTrue();
        assertThat(step.complete(new Completion(granted, 0, 1, 0))).isFalse();
        assertThatThrownBy(() -> new StepSummary(step)).hasMessageContaining("still runs");
    }

    @Test
    void anIdleRankTakesOverOnlyWhereThatEndsTheStepEarlier() {
        StepInFlight step = step(new FixedSparsity(), LENGTHS, List.of(0, 0, 0, 0), List.of(1.0, 1.0, 1000.0));
        step.next(0);
        assertThat(step.takeOver(2)).as("a rank a thousand times slower helps nobody").isEmpty();
        assertThat(step.takeOver(1)).hasValue(2);
        assertThat(step.granted(1)).hasValue(2);
        assertThat(step.revisions()).isEqualTo(1);
    }

    @Test
    void whereSpeedsMayNotChangeBudgetsASlowRankStillTakesNothingOverThatOthersEndSooner() {
        List<List<Integer>> equal = Collections.nCopies(4, List.of(900));
        List<Integer> rankOf = List.of(0, 0, 0, 1);
        List<Double> same = List.of(1.0, 1.0);
        for (double slowdown : List.of(1.0, 2.0)) {
            StepInFlight step = new StepInFlight(equal, rankOf,
                    new FixedSparsity().plan(new BudgetRequest(equal, rankOf, same, SPARSITY, LATENCY, COVERAGE)),
                    LATENCY, same, List.of(1.0, slowdown));
            complete(step, step.next(0).getAsInt(), 0, 1);
            complete(step, step.next(1).getAsInt(), 1, slowdown);
            step.next(0);
            assertThat(step.takeOver(1).isPresent()).as("slowed down by " + slowdown).isEqualTo(slowdown == 1);
        }
    }

    @Test
    void aRankThatLagsBehindTheOthersIsRevised() {
        StepInFlight step = step(new DynamicSparsity(), Collections.nCopies(4, List.of(4000)), List.of(0, 0, 1, 1),
                List.of(1.0, 1.0));
        int first = step.next(0).getAsInt();
        complete(step, step.next(1).getAsInt(), 1, 1);
        double before = step.seconds(1 - first);
        complete(step, first, 0, 1.5);
        assertThat(step.revisions()).isEqualTo(1);
        assertThat(step.seconds(1 - first)).isLessThan(0.95 * before);
        assertThat(step.seconds(1 - first)).isCloseTo(
                LATENCY.microBatchSeconds(List.of(4000), step.budgets(1 - first)), within(1e-9));
    }

    @Test
    void withIsoDensityALaggingRankKeepsItsAttention() {
        SparsitySettings settings = new SparsitySettings(SPARSITY.baseBudget(), SPARSITY.minBudget(),
                SPARSITY.maxBudget(), Anchor.ISO_DENSITY, SPARSITY.guard());
        StepInFlight step = step(new DynamicSparsity(), Collections.nCopies(4, List.of(4000)), List.of(0, 0, 1, 1),
                List.of(1.0, 1.0));
        int first = step.next(0).getAsInt();
        complete(step, step.next(1).getAsInt(), 1, 1);
        Completion done = done(step, first, 0, 1.5);
        step.complete(done);
        step.revise(done, settings, COVERAGE, new DynamicSparsity());
        assertThat(step.budgets(1 - first)).isEqualTo(step.budgetPlan().budgets().get(1 - first));
    }

    /** Else a table that is off by a factor would let budgets fill the time that it promised. */
    @ParameterizedTest
    @ValueSource(doubles = {0.5, 0.8, 1.25, 3})
    void ranksThatAreAllOffByOneFactorKeepTheirBudgets(double factor) {
        StepInFlight step = step(new DynamicSparsity(), Collections.nCopies(4, List.of(4000)), List.of(0, 0, 1, 1),
                List.of(1.0, 1.0));
        for (int turn = 0; turn < 2; turn++) {
            int zero = step.next(0).getAsInt();
            int one = step.next(1).getAsInt();
            complete(step, zero, 0, factor);
            complete(step, one, 1, factor);
        }
        assertThat(step.revisions()).isZero();
    }

    private static void complete(StepInFlight step, int microBatch, int rank, double factor) {
        Completion done = done(step, microBatch, rank, factor);
        step.complete(done);
        step.revise(done, SPARSITY, COVERAGE, new DynamicSparsity());
    }

    @Test
    void everyMicroBatchRunsOnceHoweverRanksAskAndTheSumsAreRight() {
        SplittableRandom random = new SplittableRandom(5);
        for (int round = 0; round < 100; round++) {
            int ranks = 1 + random.nextInt(6);
            List<List<Integer>> lengths = new ArrayList<>();
            List<Integer> rankOf = new ArrayList<>();
            List<Double> speeds = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                speeds.add(1 + random.nextDouble());
            }
            for (int i = random.nextInt(12); i >= 0; i--) {
                lengths.add(List.of(100 + random.nextInt(5000), 100 + random.nextInt(500)));
                rankOf.add(random.nextInt(ranks));
            }
            StepInFlight step = step(new DynamicSparsity(), lengths, rankOf, speeds);
            double[] busy = new double[ranks];
            Set<Integer> ran = new HashSet<>();
            while (!step.isDone()) {
                int rank = random.nextInt(ranks);
                OptionalInt granted = step.next(rank);
                granted = granted.isEmpty() ? step.takeOver(rank) : granted;
                int holder = random.nextInt(ranks);
                step.granted(holder).ifPresent(i -> {
                    Completion done = done(step, i, holder, 0.5 + random.nextDouble());
                    assertThat(step.complete(done)).isTrue();
                    assertThat(ran.add(i)).isTrue();
                    busy[holder] += done.busyNanos() / 1e9;
                    step.revise(done, SPARSITY, COVERAGE, new DynamicSparsity());
                });
            }
            assertThat(ran).hasSameSizeAs(lengths);
            StepSummary summary = new StepSummary(step);
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(summary.observations().get(rank).busySeconds()).isCloseTo(busy[rank], within(1e-9));
            }
            for (int i = 0; i < lengths.size(); i++) {
                assertThat(summary.predictedSeconds().get(i))
                        .isCloseTo(LATENCY.microBatchSeconds(lengths.get(i), step.budgets(i)), within(1e-9));
            }
        }
    }

    @Test
    void densityAtTheBaseIsThatOfTheModel() {
        StepInFlight step = step(new FixedSparsity(), List.of(List.of(4000)), List.of(0), List.of(1.0));
        step.complete(done(step, step.next(0).getAsInt(), 0, 1));
        assertThat(new StepSummary(step).baseDensity(16, LATENCY)).isCloseTo(LATENCY.density(4000, 16), within(1e-12));
    }

    private static StepInFlight step(SparsityPolicy policy, List<List<Integer>> lengths, List<Integer> rankOf,
            List<Double> speeds) {
        return new StepInFlight(lengths, rankOf,
                policy.plan(new BudgetRequest(lengths, rankOf, speeds, SPARSITY, LATENCY, COVERAGE)), LATENCY, speeds);
    }

    /** Took {@code slowdown} times what a rank of speed 1 was predicted to take. */
    private static Completion done(StepInFlight step, int microBatch, int rank, double slowdown) {
        return new Completion(microBatch, rank, (long) (step.seconds(microBatch) * slowdown * 1e9), 0);
    }
}
