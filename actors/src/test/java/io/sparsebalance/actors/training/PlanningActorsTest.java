package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.StepPlan;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.data.ShuffledOrder;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.LearnedBytes;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.BehaviorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.junit.jupiter.api.Test;

/** Batcher and balancer as actors: whom they tell what, and that repeated and stale messages reach nobody. */
class PlanningActorsTest {
    private static final StepId NONE = new StepId("run", 1, 1, 0);
    private static final StepId FIRST = new StepId("run", 1, 1, 1);
    private static final MemberId MEMBER = new MemberId("node", 0);
    private static final int SAMPLES = 40;

    private final TestInbox<ToCoordinator> coordinator = TestInbox.create();
    private final TestInbox<ToBatcher> batcher = TestInbox.create();
    private final TestInbox<ToBalancer> balancer = TestInbox.create();
    private final TestInbox<ToRank> rank = TestInbox.create();
    private final Routes routes = routes();

    @Test
    void theBatcherSendsPlansToTheBalancerAndNoneForAnotherRun() {
        BatcherLogic.Settings settings = new BatcherLogic.Settings("run", 1, 4, 4, 4000, 1,
                Budgets.uniform(4, Fakes.LAYERS), BatchingPolicies.byName("sab"));
        BehaviorTestKit<ToBatcher> kit = BehaviorTestKit.create(Batcher.create(new BatcherLogic(settings,
                Fakes.tokens(SAMPLES, 0), new ShuffledOrder(1, SAMPLES), Fakes.latency(), () -> 0), routes));
        kit.run(new ToBatcher.PlanSteps(FIRST, 2, 2));
        List<ToBalancer> plans = balancer.getAllReceived();
        assertThat(plans).extracting(message -> ((ToBalancer.PlanReady) message).plan().id()).containsExactly(FIRST,
                FIRST.withStep(2));
        kit.run(new ToBatcher.PlanSteps(FIRST, 2, 2));
        assertThat(balancer.getAllReceived()).isEqualTo(plans);
        kit.run(new ToBatcher.PlanSteps(new StepId("other", 1, 1, 1), 2, 2));
        assertThat(balancer.hasMessages()).isFalse();
        assertThat(coordinator.hasMessages()).isFalse();
        assertThat(kit.isAlive()).isTrue();
    }

    @Test
    void theBatcherTellsTheCoordinatorOfASampleThatFitsNowhere() {
        BatcherLogic.Settings settings = new BatcherLogic.Settings("run", 1, 4, 4, 1000, 1,
                Budgets.uniform(4, Fakes.LAYERS), BatchingPolicies.byName("sab"));
        BehaviorTestKit<ToBatcher> kit = BehaviorTestKit.create(Batcher.create(new BatcherLogic(settings,
                Fakes.tokens(SAMPLES, 0), new ShuffledOrder(1, SAMPLES), Fakes.latency(), () -> 0), routes));
        kit.run(new ToBatcher.PlanSteps(FIRST, 10, 2));
        assertThat(coordinator.getAllReceived().getLast()).isInstanceOf(ToCoordinator.PlanFailed.class);
        assertThat(kit.isAlive()).isTrue();
    }

    @Test
    void theBalancerGrantsEachMicroBatchOnceAndTellsTheEndOnce() {
        BalancerLogic.Settings settings = new BalancerLogic.Settings(64,
                new SparsitySettings(16, 2, 32, Anchor.MEAN, 0.5), SparsityPolicies.byName("dst"), Feedback.OFF,
                new StragglerEstimator.Settings(1.25, 3, 0.5), false, List.of(2, 16, 32), false);
        BehaviorTestKit<ToBalancer> kit = BehaviorTestKit
                .create(Balancer.create(new BalancerLogic(settings, Fakes.latency(), () -> 0), routes));
        kit.run(new ToBalancer.BeginGeneration(NONE, List.of(MEMBER), LearnedBytes.NONE, Map.of()));
        kit.run(new ToBalancer.StartStep(FIRST));
        StepPlan plan = new StepPlan(FIRST, 0, List.of(List.of(new SampleRef(0, 0, 2000))), List.of(0), 0);
        kit.run(new ToBalancer.PlanReady(plan));
        ToRank.Grant grant = (ToRank.Grant) rank.receiveMessage();
        MicroBatchOutcome outcome = new MicroBatchOutcome(grant.microBatch(), 0, grant.budgets(), 1_000_000, 0,
                new MicroBatchResult(1, 1999, 10, 20, List.of()));
        kit.run(new ToBalancer.PlanReady(plan));
        kit.run(new ToBalancer.MicroBatchCompleted(new StepId("run", 1, 2, 1), outcome));
        kit.run(new ToBalancer.MicroBatchCompleted(FIRST.withStep(2), outcome));
        assertThat(rank.hasMessages()).isFalse();
        assertThat(coordinator.hasMessages()).isFalse();
        kit.run(new ToBalancer.MicroBatchCompleted(FIRST, outcome));
        kit.run(new ToBalancer.MicroBatchCompleted(FIRST, outcome));
        assertThat(coordinator.getAllReceived()).singleElement().isInstanceOf(ToCoordinator.StepBalanced.class);
        assertThat(batcher.getAllReceived()).allMatch(ToBatcher.SpeedsObserved.class::isInstance);
        assertThat(rank.hasMessages()).isFalse();
        assertThat(kit.isAlive()).isTrue();
    }

    private Routes routes() {
        Routes all = new Routes(coordinator.getRef());
        all.batcher(batcher.getRef());
        all.balancer(balancer.getRef());
        all.rank(MEMBER, rank.getRef());
        return all;
    }
}
