package io.sparsebalance.actors.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What a node does for coordinators that come and go, and for devices that fail. */
class AgentLogicTest {
    private static final MemberId FIRST = new MemberId("node", 0, 1);
    private static final MemberId SECOND = new MemberId("node", 0, 2);

    private final AgentLogic logic = new AgentLogic(new AgentLogic.Node("node", "agent", 1, List.of("data=1")));

    @Test
    void theFirstGreetingOpensTheDevicesAndLaterOnesTellOfThem() {
        assertThat(logic.takesPart()).isFalse();
        assertThat(greet(1)).containsExactly(new AgentEffect.OpenRank(FIRST), ready(), enlist(FIRST, 1));
        assertThat(greet(1)).containsExactly(ready(), enlist(FIRST, 1));
        assertThat(greet(2)).containsExactly(ready(), enlist(FIRST, 2));
        assertThat(greet(1)).as("of an older coordinator").isEmpty();
        assertThat(logic.takesPart()).isTrue();
    }

    @Test
    void theEndThatAnOlderCoordinatorTellsOfIsItsOwn() {
        greet(2);
        assertThat(logic.on(end(1))).isEmpty();
        assertThat(logic.on(end(2))).containsExactly(new AgentEffect.EndWithRun(end(2)));
        assertThat(logic.on(end(2))).as("it has ended").isEmpty();
    }

    @Test
    void aDeviceThatFailedIsOpenedAgainAsAnotherMemberButNotForEver() {
        greet(1);
        assertThat(logic.on(new ToAgent.RankEnded(FIRST, Optional.of(new ToRank.Shutdown(1, "it failed", true)), 0)))
                .contains(new AgentEffect.OpenRank(SECOND), enlist(SECOND, 1));
        assertThat(logic.on(new ToAgent.RankEnded(FIRST, Optional.empty(), 0))).as("told of twice").isEmpty();
        logic.on(new ToAgent.RankEnded(SECOND, Optional.empty(), 0));
        logic.on(new ToAgent.RankEnded(new MemberId("node", 0, 3), Optional.empty(), 0));
        assertThat(logic.on(new ToAgent.RankEnded(new MemberId("node", 0, 4), Optional.empty(), 0))).singleElement()
                .isInstanceOf(AgentEffect.EndExpelled.class);
    }

    @Test
    void failuresBeforeADeviceWorkedForAWhileDoNotCount() {
        greet(1);
        for (int opening = 1; opening <= 12; opening++) {
            // Every third opening works, so that there never are four failures in a row.
            assertThat(logic.on(new ToAgent.RankEnded(new MemberId("node", 0, opening), Optional.empty(),
                    opening % 3 == 0 ? 20 : 19)))
                    .contains(new AgentEffect.OpenRank(new MemberId("node", 0, opening + 1)));
        }
    }

    @Test
    void aDeviceThatWasClosedAtTheEndOfATermIsOpenedAgainForItsSuccessor() {
        greet(1);
        assertThat(logic.on(new ToAgent.RankEnded(FIRST, Optional.of(closed(1)), 0))).isEmpty();
        assertThat(greet(1)).as("by the coordinator that closed it").containsExactly(
                new AgentEffect.TellRoster("roster", new ToRoster.NodeReady("node", "agent", 0)));
        assertThat(greet(2)).containsExactly(new AgentEffect.OpenRank(SECOND), ready(), enlist(SECOND, 2));
    }

    @Test
    void aDeviceThatClosesWhenTheSuccessorIsThereAlreadyIsOpenedAtOnce() {
        greet(1);
        greet(2);
        assertThat(logic.on(new ToAgent.RankEnded(FIRST, Optional.of(closed(1)), 0)))
                .containsExactly(new AgentEffect.OpenRank(SECOND), enlist(SECOND, 2));
        assertThat(logic.on(new ToAgent.RankEnded(SECOND, Optional.of(closed(2)), 0))).isEmpty();
    }

    @Test
    void aNodeThatLeavesSaysSoUntilItsRanksAreLetGo() {
        greet(1);
        AgentEffect wish = new AgentEffect.TellCoordinator("coordinator", new ToCoordinator.NodeLeaving("node"));
        assertThat(logic.on(new ToAgent.Leave())).containsExactly(wish);
        assertThat(logic.on(new ToAgent.Again())).containsExactly(wish);
        assertThat(logic.on(new ToAgent.RankEnded(FIRST, Optional.of(closed(1)), 0)))
                .containsExactly(new AgentEffect.EndLeft());
    }

    @Test
    void aNodeThatIsNotLikeTheOthersIsRefused() {
        assertThat(logic.on(new ToAgent.Greet("run", 1, "coordinator", "roster", List.of("data=2")))).containsExactly(
                new AgentEffect.TellRoster("roster", new ToRoster.NodeRefused("node",
                        List.of("data is 1 here and 2 at the coordinator"))),
                new AgentEffect.EndRefused(List.of("data is 1 here and 2 at the coordinator")));
    }

    private List<AgentEffect> greet(long term) {
        return logic.on(new ToAgent.Greet("run", term, "coordinator", "roster", List.of("data=1")));
    }

    private static AgentEffect ready() {
        return new AgentEffect.TellRoster("roster", new ToRoster.NodeReady("node", "agent", 1));
    }

    private static AgentEffect enlist(MemberId member, long term) {
        return new AgentEffect.Enlist(member, new ToRank.Enlist("run", term, "coordinator"));
    }

    private static ToRank.Shutdown closed(long term) {
        return new ToRank.Shutdown(term, "the run ended", false);
    }

    private static ToAgent.RunEnded end(long term) {
        return new ToAgent.RunEnded(term, Optional.empty(), false, 5, "digest");
    }
}
