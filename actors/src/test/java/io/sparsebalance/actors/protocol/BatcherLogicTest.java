package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.training.Fakes;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class BatcherLogicTest {
    private static final StepId FIRST = new StepId("run", 1, 1, 1);
    private static final int SAMPLES = 40;

    private final Deque<Effect> effects = new ArrayDeque<>();

    @Test
    void anEpochHoldsEverySampleOnce() {
        BatcherLogic batcher = batcher(4000);
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST, 10, 2)));
        List<Long> ids = new ArrayList<>();
        for (int step = 1; step <= 10; step++) {
            StepPlan plan = plan();
            assertThat(plan.id().step()).isEqualTo(step);
            assertThat(plan.firstPosition()).isEqualTo((step - 1) * 4L);
            plan.microBatches().forEach(batch -> batch.stream().map(SampleRef::id).forEach(ids::add));
        }
        assertThat(ids).containsExactlyInAnyOrderElementsOf(LongStream.range(0, SAMPLES).boxed().toList());
    }

    @Test
    void askingAgainGivesTheSamePlan() {
        BatcherLogic batcher = batcher(4000);
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST, 1, 2)));
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST, 1, 2)));
        StepPlan first = plan();
        StepPlan second = plan();
        assertThat(second.microBatches()).isEqualTo(first.microBatches());
        assertThat(second.rankOf()).isEqualTo(first.rankOf());
    }

    @Test
    void aSlowRankGetsLessFromTheNextPlanOnAndOldSpeedsAreIgnored() {
        BatcherLogic batcher = batcher(4000);
        batcher.on(new ToBatcher.PlanSteps(FIRST, 1, 2));
        batcher.on(new ToBatcher.SpeedsObserved(FIRST.withStep(5), List.of(1.0, 50.0)));
        batcher.on(new ToBatcher.SpeedsObserved(FIRST.withStep(4), List.of(50.0, 1.0)));
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST.withStep(6), 6, 2)));
        assertThat(plan().rankOf().stream().filter(rank -> rank == 1).count()).isLessThanOrEqualTo(1);
    }

    @Test
    void anotherRunsRequestIsIgnored() {
        BatcherLogic batcher = batcher(4000);
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(new StepId("other", 1, 1, 1), 1, 2)));
        assertThat(effects).singleElement().isInstanceOf(Effect.Warn.class);
    }

    @Test
    void aSampleThatFitsNoMicroBatchIsReported() {
        BatcherLogic batcher = batcher(1000);
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST, 10, 2)));
        ToCoordinator.PlanFailed failure = (ToCoordinator.PlanFailed) ((Effect.TellCoordinator) effects.getLast())
                .message();
        assertThat(failure.reason()).contains("batch.token-cap = 1000");
    }

    @Test
    void aWindowKeepsEverySampleInItsEpochAndCountsThemOnce() {
        // 40 samples are 13 steps of 3 and one sample: step 14 holds the end of an epoch and the beginning of the next.
        BatcherLogic batcher = batcher(4000, 3, 4);
        effects.addAll(batcher.on(new ToBatcher.PlanSteps(FIRST, 27, 2)));
        ShuffledOrder order = new ShuffledOrder(1, SAMPLES);
        boolean moved = false;
        for (int window = 0; window < 7; window++) {
            List<Long> ids = new ArrayList<>();
            List<Long> inOrder = new ArrayList<>();
            for (int step = 4 * window + 1; step <= Math.min(27, 4 * window + 4); step++) {
                List<Long> ofStep = new ArrayList<>();
                plan().microBatches().forEach(batch -> batch.stream().map(SampleRef::id).forEach(ofStep::add));
                List<Long> expected = LongStream.range(3L * step - 3, 3L * step).map(order::sampleAt).boxed().toList();
                assertThat(ofStep).hasSize(3);
                if (step == 14) {
                    assertThat(ofStep).containsExactlyInAnyOrderElementsOf(expected);
                    continue;
                }
                moved |= !expected.containsAll(ofStep);
                ids.addAll(ofStep);
                inOrder.addAll(expected);
            }
            if (window < 6) {
                assertThat(ids).containsExactlyInAnyOrderElementsOf(inOrder);
            }
        }
        assertThat(moved).isTrue();
    }

    @Test
    void anotherBatcherFindsTheSameWindowFromItsMiddle() {
        effects.addAll(batcher(4000, 4, 5).on(new ToBatcher.PlanSteps(FIRST, 10, 2)));
        List<List<List<SampleRef>>> plans = new ArrayList<>();
        for (int step = 1; step <= 10; step++) {
            plans.add(plan().microBatches());
        }
        BatcherLogic other = batcher(4000, 4, 5);
        for (int step : new int[]{8, 3, 10, 8}) {
            effects.addAll(other.on(new ToBatcher.PlanSteps(FIRST.withStep(step), step, 2)));
            assertThat(plan().microBatches()).isEqualTo(plans.get(step - 1));
        }
    }

    private StepPlan plan() {
        return ((ToBalancer.PlanReady) ((Effect.TellBalancer) effects.removeFirst()).message()).plan();
    }

    private static BatcherLogic batcher(int tokenCap) {
        return batcher(tokenCap, 4, 1);
    }

    private static BatcherLogic batcher(int tokenCap, int samplesPerStep, int window) {
        BatcherLogic.Settings settings = new BatcherLogic.Settings("run", 1, samplesPerStep, 4, tokenCap, window,
                Budgets.uniform(4, Fakes.LAYERS),
                BatchingPolicies.byName("sab"));
        return new BatcherLogic(settings, Fakes.tokens(SAMPLES, 0), new ShuffledOrder(1, SAMPLES), Fakes.latency(),
                () -> 0);
    }
}
