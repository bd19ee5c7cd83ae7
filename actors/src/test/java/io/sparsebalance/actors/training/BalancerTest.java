package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.time.Duration;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class BalancerTest {
    private static final ActorTestKit KIT = ActorTestKit.create();
    private static final StepId NONE = new StepId("run", 1, 0);
    private static final StepId FIRST = new StepId("run", 1, 1);
    private static final int LENGTH = 2000;

    private final TestProbe<Rank.Command> rank0 = KIT.createTestProbe();
    private final TestProbe<Rank.Command> rank1 = KIT.createTestProbe();
    private final TestProbe<Coordinator.Command> coordinator = KIT.createTestProbe();
    private final TestProbe<Batcher.Command> batcher = KIT.createTestProbe();
    private final TestProbe<Long> counter = KIT.createTestProbe();

    @AfterAll
    static void stop() {
        KIT.shutdownTestKit();
    }

    @Test
    void ranksPullMicroBatchesAndAllAreToldToFinish() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.OFF);
        balancer.tell(new Balancer.RequestWork(0, 0));
        balancer.tell(new Balancer.RequestWork(1, 0));
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 0, 1, 1)));
        Rank.Grant first = grant(rank0);
        Rank.Grant second = grant(rank1);
        assertThat(first.lossScale()).isEqualTo(1.0 / (4 * (LENGTH - 1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        Rank.Grant third = grant(rank0);
        assertThat(third.microBatch()).isNotEqualTo(first.microBatch());
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(second, 1, 1)));
        Rank.Grant fourth = grant(rank1);
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(third, 0, 1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(fourth, 1, 1)));
        rank0.expectMessage(new Rank.FinishStep(FIRST));
        rank1.expectMessage(new Rank.FinishStep(FIRST));
        StepOutcome outcome = coordinator.expectMessageClass(Coordinator.StepBalanced.class).outcome();
        assertThat(outcome.outcomes()).hasSize(4);
        assertThat(outcome.slowest().imbalance()).isEqualTo(1.0);
        batcher.expectNoMessage(Duration.ofMillis(50));
    }

    @Test
    void aRankWithoutWorkStillFinishesTheStep() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.OFF);
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0)));
        balancer.tell(new Balancer.RequestWork(0, 0));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(grant(rank0), 0, 1)));
        rank0.expectMessageClass(Rank.FinishStep.class);
        rank1.expectMessageClass(Rank.FinishStep.class);
    }

    @Test
    void repeatedAndStaleMessagesChangeNothingAndAreCounted() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.OFF);
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 0)));
        balancer.tell(new Balancer.RequestWork(0, 0));
        Rank.Grant first = grant(rank0);
        MicroBatchOutcome outcome = done(first, 0, 1);
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 1, 1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST.withStep(7), outcome));
        balancer.tell(new Balancer.MicroBatchCompleted(new StepId("other", 1, 1), outcome));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(first, 1, 1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, outcome));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, outcome));
        balancer.tell(new Balancer.StartStep(new StepId("run", 2, 2)));
        Rank.Grant second = grant(rank0);
        assertThat(second.microBatch()).isNotEqualTo(first.microBatch());
        rank0.expectNoMessage(Duration.ofMillis(50));
        balancer.tell(new Balancer.CountIgnored(counter.ref()));
        counter.expectMessage(7L);
    }

    @Test
    void aRankThatAsksAgainIsToldItsGrantAgain() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.OFF);
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 1)));
        balancer.tell(new Balancer.RequestWork(0, 0));
        Rank.Grant first = grant(rank0);
        balancer.tell(new Balancer.RequestWork(0, 0));
        assertThat(grant(rank0)).isEqualTo(first);
        balancer.tell(new Balancer.RequestWork(1, 0));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(grant(rank1), 1, 1)));
        rank0.expectMessageClass(Rank.FinishStep.class);
        balancer.tell(new Balancer.RequestWork(0, 0));
        rank0.expectMessageClass(Rank.FinishStep.class);
    }

    @Test
    void aLaggingRankLosesBudgetInsideTheStep() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.FULL);
        balancer.tell(new Balancer.RequestWork(0, 0));
        balancer.tell(new Balancer.RequestWork(1, 0));
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 0, 1, 1)));
        Rank.Grant slow = grant(rank0);
        grant(rank1);
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(slow, 0, 1.5)));
        assertThat(grant(rank0).budgets().mean()).isLessThan(slow.budgets().mean());
    }

    @Test
    void anIdleRankTakesWorkThatHasNotStarted() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.ASSIGNMENT);
        balancer.tell(new Balancer.RequestWork(0, 0));
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 0, 0)));
        Rank.Grant first = grant(rank0);
        balancer.tell(new Balancer.RequestWork(1, 0));
        Rank.Grant taken = grant(rank1);
        assertThat(taken.microBatch()).isNotEqualTo(first.microBatch());
    }

    @Test
    void speedsGoToTheBatcherAndLateRanksAreNamed() {
        ActorRef<Balancer.Command> balancer = balancer(Feedback.FULL);
        balancer.tell(new Balancer.RequestWork(0, 0));
        balancer.tell(new Balancer.RequestWork(1, 0));
        balancer.tell(new Balancer.StartStep(FIRST));
        balancer.tell(new Balancer.PlanReady(plan(FIRST, 0, 1)));
        Rank.Grant first = grant(rank0);
        Rank.Grant second = grant(rank1);
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(first, 0, 1)));
        balancer.tell(new Balancer.FindLate(FIRST, coordinator.ref()));
        coordinator.expectMessage(new Coordinator.LateRanks(FIRST, List.of(1)));
        balancer.tell(new Balancer.MicroBatchCompleted(FIRST, done(second, 1, 2)));
        Batcher.SpeedsObserved speeds = batcher.expectMessageClass(Batcher.SpeedsObserved.class);
        assertThat(speeds.speeds().get(1) / speeds.speeds().get(0)).isCloseTo(2,
                org.assertj.core.data.Offset.offset(0.01));
    }

    private ActorRef<Balancer.Command> balancer(Feedback feedback) {
        Balancer.Settings settings = new Balancer.Settings(NONE, 2, 64,
                new SparsitySettings(16, 2, 32, Anchor.MEAN, 0.5),
                SparsityPolicies.byName("dst"), feedback, new StragglerEstimator.Settings(1.25, 3, 0.5),
                false, List.of(2, 16, 32));
        ActorRef<Balancer.Command> balancer = KIT
                .spawn(Balancer.create(settings, Fakes.latency(), coordinator.ref(), batcher.ref()));
        balancer.tell(new Balancer.RanksJoined(List.of(rank0.ref(), rank1.ref())));
        return balancer;
    }

    private static StepPlan plan(StepId id, Integer... ranks) {
        List<List<SampleRef>> microBatches = java.util.stream.IntStream.range(0, ranks.length)
                .mapToObj(i -> List.of(new SampleRef(i, 0, LENGTH))).toList();
        return new StepPlan(id, 0, microBatches, List.of(ranks), 0);
    }

    private static Rank.Grant grant(TestProbe<Rank.Command> rank) {
        return rank.expectMessageClass(Rank.Grant.class);
    }

    /** Ran {@code slowdown} times as long as predicted. */
    private static MicroBatchOutcome done(Rank.Grant grant, int rank, double slowdown) {
        double predicted = Fakes.latency().microBatchSeconds(List.of(LENGTH), grant.budgets());
        return new MicroBatchOutcome(grant.microBatch(), rank, grant.budgets(), (long) (predicted * slowdown * 1e9), 0,
                new MicroBatchResult(1, LENGTH - 1, 10, 20, List.of()));
    }
}
