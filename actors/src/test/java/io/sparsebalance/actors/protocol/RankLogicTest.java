package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A rank obeys the coordinator of the latest term and nobody else, and does what is repeated once. */
class RankLogicTest {
    private static final MemberId MEMBER = new MemberId("node", 0);
    private static final StepId GENERATION = new StepId("run", 2, 1, 0);
    private static final StepId STALE = new StepId("run", 1, 7, 0);

    private final RankLogic logic = new RankLogic(MEMBER, "rank");

    @BeforeEach
    void active() {
        logic.on(new ToRank.DeviceOpened("device", 1, 0, "endpoint"), 0);
        logic.on(new ToRank.Enlist("run", 2, "new"), 0);
        logic.on(new ToRank.JoinGeneration(GENERATION, "new", "new-balancer"), 0);
        logic.on(new ToRank.DeviceReset(GENERATION), 0);
        logic.on(new ToRank.Activate(GENERATION, 0, List.of("endpoint")), 0);
        logic.on(new ToRank.Connected(GENERATION), 0);
    }

    @Test
    void aCoordinatorOfAnOlderTermIsRefusedAndNotObeyed() {
        RankEffect refused = new RankEffect.Refuse("old", new ToCoordinator.Superseded(MEMBER, GENERATION));
        assertThat(logic.on(new ToRank.Enlist("run", 1, "old"), 0)).containsExactly(refused);
        assertThat(logic.on(new ToRank.JoinGeneration(STALE, "old", "old-balancer"), 0)).containsExactly(refused);
        assertThat(logic.on(new ToRank.Shutdown(1, "no answer", true), 0)).isEmpty();
        assertThat(logic.on(grant(0), 0)).containsExactly(new RankEffect.RunMicroBatch(grant(0)));
    }

    @Test
    void aGrantThatArrivesAgainAfterOthersIsNotRunAgain() {
        run(grant(0));
        run(grant(1));
        assertThat(logic.on(grant(0), 0)).singleElement().isInstanceOfSatisfying(RankEffect.TellBalancer.class,
                tell -> assertThat(((ToBalancer.MicroBatchCompleted) tell.message()).outcome().microBatch()).isZero());
    }

    @Test
    void whoeverIsEnlistedAgainSaysThatItIsThereUntilItIsHeard() {
        assertThat(logic.on(new ToRank.AskAgain(), 0)).noneMatch(RankLogicTest::isReady);
        logic.on(new ToRank.Enlist("run", 2, "new"), 0);
        assertThat(logic.on(new ToRank.AskAgain(), 0)).anyMatch(RankLogicTest::isReady);
        StepId next = GENERATION.withGeneration(2);
        logic.on(new ToRank.JoinGeneration(next, "new", "new-balancer"), 0);
        assertThat(logic.on(new ToRank.AskAgain(), 0)).noneMatch(RankLogicTest::isReady);
    }

    @Test
    void whatIsReducedEarlyIsAllThatWasGranted() {
        StepId first = GENERATION.withStep(1);
        run(grant(0));
        assertThat(logic.on(new ToRank.AllGranted(first, List.of(0, 1)), 0)).as("a grant was lost").isEmpty();
        logic.on(grant(1), 0);
        assertThat(logic.on(new ToRank.AllGranted(GENERATION.withStep(2), List.of(0, 1)), 0)).isEmpty();
        assertThat(logic.on(new ToRank.AllGranted(STALE.withStep(1), List.of(0, 1)), 0)).isEmpty();
        assertThat(logic.on(new ToRank.AllGranted(first, List.of(0, 1)), 0))
                .containsExactly(new RankEffect.ReduceEarly(1, 2));
    }

    @Test
    void whoeverGotNothingReducesAtOnce() {
        assertThat(logic.on(new ToRank.AllGranted(GENERATION.withStep(1), List.of()), 0))
                .containsExactly(new RankEffect.ReduceEarly(1, 0));
    }

    private void run(ToRank.Grant grant) {
        assertThat(logic.on(grant, 0)).containsExactly(new RankEffect.RunMicroBatch(grant));
        logic.on(new ToRank.MicroBatchRan(grant, 1, 0, new MicroBatchResult(1, 1, 1, 1, List.of())), 0);
    }

    private static boolean isReady(RankEffect effect) {
        return effect instanceof RankEffect.TellCoordinator tell && tell.message() instanceof ToCoordinator.RankReady;
    }

    private static ToRank.Grant grant(int microBatch) {
        return new ToRank.Grant(GENERATION.withStep(1), microBatch, List.of(new SampleRef(microBatch, 0, 2)),
                Budgets.of(1), 1);
    }
}
