package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class BatcherTest {
    private static final ActorTestKit KIT = ActorTestKit.create();
    private static final StepId FIRST = new StepId("run", 1, 1);
    private static final int SAMPLES = 40;

    private final TestProbe<Balancer.Command> balancer = KIT.createTestProbe();
    private final TestProbe<Coordinator.Command> coordinator = KIT.createTestProbe();

    @AfterAll
    static void stop() {
        KIT.shutdownTestKit();
    }

    @Test
    void anEpochHoldsEverySampleOnce() {
        ActorRef<Batcher.Command> batcher = batcher(4000);
        batcher.tell(new Batcher.PlanSteps(FIRST, 10, balancer.ref(), coordinator.ref()));
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
        ActorRef<Batcher.Command> batcher = batcher(4000);
        batcher.tell(new Batcher.PlanSteps(FIRST, 1, balancer.ref(), coordinator.ref()));
        batcher.tell(new Batcher.PlanSteps(FIRST, 1, balancer.ref(), coordinator.ref()));
        StepPlan first = plan();
        StepPlan second = plan();
        assertThat(second.microBatches()).isEqualTo(first.microBatches());
        assertThat(second.rankOf()).isEqualTo(first.rankOf());
    }

    @Test
    void aSlowRankGetsLessFromTheNextPlanOnAndOldSpeedsAreIgnored() {
        ActorRef<Batcher.Command> batcher = batcher(4000);
        batcher.tell(new Batcher.SpeedsObserved(FIRST.withStep(5), List.of(1.0, 50.0)));
        batcher.tell(new Batcher.SpeedsObserved(FIRST.withStep(4), List.of(50.0, 1.0)));
        batcher.tell(new Batcher.PlanSteps(FIRST.withStep(6), 6, balancer.ref(), coordinator.ref()));
        assertThat(plan().rankOf().stream().filter(rank -> rank == 1).count()).isLessThanOrEqualTo(1);
    }

    @Test
    void anotherRunsRequestIsIgnored() {
        ActorRef<Batcher.Command> batcher = batcher(4000);
        batcher.tell(new Batcher.PlanSteps(new StepId("other", 1, 1), 1, balancer.ref(), coordinator.ref()));
        balancer.expectNoMessage(Duration.ofMillis(200));
    }

    @Test
    void aSampleThatFitsNoMicroBatchIsReported() {
        ActorRef<Batcher.Command> batcher = batcher(1000);
        batcher.tell(new Batcher.PlanSteps(FIRST, 10, balancer.ref(), coordinator.ref()));
        Coordinator.PlanFailed failure = coordinator.expectMessageClass(Coordinator.PlanFailed.class);
        assertThat(failure.reason()).contains("batch.token-cap = 1000");
    }

    @Test
    void aWindowKeepsEverySampleInItsEpochAndCountsThemOnce() {
        // 40 samples are 13 steps of 3 and one sample: step 14 holds the end of an epoch and the beginning of the next.
        ActorRef<Batcher.Command> batcher = batcher(4000, 3, 4);
        batcher.tell(new Batcher.PlanSteps(FIRST, 27, balancer.ref(), coordinator.ref()));
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
        batcher(4000, 4, 5).tell(new Batcher.PlanSteps(FIRST, 10, balancer.ref(), coordinator.ref()));
        List<List<List<SampleRef>>> plans = new ArrayList<>();
        for (int step = 1; step <= 10; step++) {
            plans.add(plan().microBatches());
        }
        ActorRef<Batcher.Command> other = batcher(4000, 4, 5);
        for (int step : new int[]{8, 3, 10, 8}) {
            other.tell(new Batcher.PlanSteps(FIRST.withStep(step), step, balancer.ref(), coordinator.ref()));
            assertThat(plan().microBatches()).isEqualTo(plans.get(step - 1));
        }
    }

    private StepPlan plan() {
        return balancer.expectMessageClass(Balancer.PlanReady.class).plan();
    }

    private static ActorRef<Batcher.Command> batcher(int tokenCap) {
        return batcher(tokenCap, 4, 1);
    }

    private static ActorRef<Batcher.Command> batcher(int tokenCap, int samplesPerStep, int window) {
        Batcher.Settings settings = new Batcher.Settings("run", 1, 2, samplesPerStep, 4, tokenCap, window,
                Budgets.uniform(4, Fakes.LAYERS),
                BatchingPolicies.byName("sab"));
        return KIT.spawn(
                Batcher.create(settings, Fakes.tokens(SAMPLES, 0), new ShuffledOrder(1, SAMPLES), Fakes.latency()));
    }
}
