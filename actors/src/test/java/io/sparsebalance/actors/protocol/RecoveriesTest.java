package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.FailureKind;
import io.sparsebalance.policies.Budgets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A step that fails in one generation after the other ends the run, and says so. */
class RecoveriesTest {
    private static final MemberId MEMBER = new MemberId("node", 0);
    private static final int MOST = 3;
    private static final long SECOND = 1_000_000_000L;

    private final List<Effect> effects = new ArrayList<>();
    private final CoordinatorLogic logic = new CoordinatorLogic(new RunSettings("run", 1, 5, 2, 3,
            new RunSettings.Evaluation(0, ranks -> List.of(List.of()), Budgets.uniform(4, 1)),
            new RunSettings.Checkpoint(0, "checkpoints"),
            new Patience(SECOND, SECOND, 20, SECOND, SECOND, SECOND, SECOND, SECOND),
            new RunSettings.Membership(true, 1, 1, MOST, Set.of()), RunSettings.Restart.none(),
            new RunSettings.Addresses("coordinator", "balancer")), 0);

    @Test
    void theSameStepAgainAndAgain() {
        tell(new ToCoordinator.RankReady(MEMBER, "rank", "endpoint", "device", 1, 0));
        for (int generation = 1; generation <= MOST; generation++) {
            failInGeneration(generation);
            assertThat(effects).contains(new Effect.TellRank(MEMBER,
                    new ToRank.JoinGeneration(of(generation + 1).withStep(1), "coordinator", "balancer")));
        }
        failInGeneration(MOST + 1);
        tell(new ToCoordinator.RankClosed(MEMBER, 0));
        assertThat(effects.getLast()).isInstanceOfSatisfying(Effect.End.class,
                end -> assertThat(end.failure().orElseThrow().what()).contains(
                        "step 1 was not committed in 3 generations in a row", "the last failure", "a peer is gone"));
    }

    private void failInGeneration(int generation) {
        tell(new ToCoordinator.Joined(of(generation), MEMBER, 0, Optional.empty()));
        tell(new ToCoordinator.Activated(of(generation), MEMBER));
        if (generation == 1) {
            tell(new ToCoordinator.Journaled());
        }
        effects.clear();
        tell(new ToCoordinator.RankFailed(MEMBER, of(generation).withStep(1), "ending a step",
                new FailureInfo(FailureKind.COLLECTIVE, "a peer is gone", "")));
    }

    private static StepId of(int generation) {
        return new StepId("run", 1, generation, 0);
    }

    private void tell(ToCoordinator message) {
        effects.addAll(logic.on(message, 0));
    }
}
