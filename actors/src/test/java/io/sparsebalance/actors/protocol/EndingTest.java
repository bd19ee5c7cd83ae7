package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.policies.Budgets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A run that is ending ends, whatever its members do meanwhile. */
class EndingTest {
    private static final MemberId MEMBER = new MemberId("node", 0);
    private static final StepId GENERATION = new StepId("run", 1, 1, 0);
    private static final long SECOND = 1_000_000_000L;

    private final List<Effect> effects = new ArrayList<>();
    private CoordinatorLogic logic;

    @BeforeEach
    void stepping() {
        logic = new CoordinatorLogic(new RunSettings("run", 1, 5, 2, 3,
                new RunSettings.Evaluation(0, ranks -> List.of(List.of()), Budgets.uniform(4, 1)),
                new RunSettings.Checkpoint(0, "checkpoints"),
                new Patience(SECOND, SECOND, 20, SECOND, SECOND, SECOND, SECOND, SECOND),
                new RunSettings.Membership(true, 1, 1, 10, Set.of()), RunSettings.Restart.none(),
                new RunSettings.Addresses("coordinator", "balancer")), 0);
        tell(new ToCoordinator.RankReady(MEMBER, "rank", "endpoint", "device", 1, 0));
        tell(new ToCoordinator.Joined(GENERATION, MEMBER, 0, Optional.empty()));
        tell(new ToCoordinator.Activated(GENERATION, MEMBER));
        tell(new ToCoordinator.Journaled());
        assertThat(effects).contains(new Effect.TellBalancer(new ToBalancer.StartStep(GENERATION.withStep(1))));
        tell(new ToCoordinator.PlanFailed(GENERATION.withStep(1), "a sample is too long"));
        effects.clear();
    }

    @Test
    void aMemberThatFailsBecauseItIsEndedBeginsNoGeneration() {
        tell(new ToCoordinator.RankFailed(MEMBER, GENERATION, "ending a step",
                new FailureInfo(FailureKind.COLLECTIVE, "given up", "")));
        assertThat(effects).isEmpty();
        tell(new ToCoordinator.RankClosed(MEMBER, 0));
        assertThat(effects.getLast()).isInstanceOfSatisfying(Effect.End.class,
                end -> assertThat(end.failure().orElseThrow().what()).contains("a sample is too long"));
    }

    @Test
    void aMemberThatIsGoneWithoutAWordIsNotWaitedFor() {
        tell(new ToCoordinator.RankGone(MEMBER));
        assertThat(effects.getLast()).isInstanceOf(Effect.End.class);
    }

    @Test
    void aNodeThatIsLostTakesAllOpeningsOfItsDevicesAlong() {
        tell(new ToCoordinator.RankReady(new MemberId("node", 0, 2), "rank-2", "endpoint", "device", 1, 0));
        assertThat(effects).containsExactly(new Effect.TellRank(new MemberId("node", 0, 2),
                new ToRank.Shutdown(1, "the run is ending", false)));
        tell(new ToCoordinator.NodeLost("node", "killed"));
        assertThat(effects.getLast()).isInstanceOf(Effect.End.class);
    }

    @Test
    void onlyALaterTermIsAReasonToStepDown() {
        tell(new ToCoordinator.Superseded(MEMBER, GENERATION));
        assertThat(effects).isEmpty();
        tell(new ToCoordinator.Superseded(MEMBER, new StepId("run", 2, 0, 0)));
        assertThat(effects).containsExactly(new Effect.StepDown(2));
    }

    private void tell(ToCoordinator message) {
        effects.addAll(logic.on(message, 0));
    }
}
