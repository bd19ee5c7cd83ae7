package io.sparsebalance.actors.protocol;

import java.util.List;

/** What a node's agent wants done. Effects of one message are to be carried out in their order. */
public sealed interface AgentEffect {
    /** Tell a coordinator's list of nodes. */
    record TellRoster(String roster, ToRoster.Remote message) implements AgentEffect {}

    /** Tell a coordinator. */
    record TellCoordinator(String coordinator, ToCoordinator.Remote message) implements AgentEffect {}

    /** Make the actor of a rank, which opens its device. */
    record OpenRank(MemberId member) implements AgentEffect {}

    /** Have a rank tell a coordinator of itself. */
    record Enlist(MemberId member, ToRank.Enlist message) implements AgentEffect {}

    /** Take a node out of the cluster, whose process has ended. */
    record TakeOut(String node) implements AgentEffect {}

    /** Tell the operator. */
    record Notice(String text) implements AgentEffect {}

    /** The run is over, and the node ends; nothing follows. */
    record EndWithRun(ToAgent.RunEnded how) implements AgentEffect {}

    /** The node has left the run, and ends; nothing follows. */
    record EndLeft() implements AgentEffect {}

    /** The node is not like the others, and ends; nothing follows. */
    record EndRefused(List<String> differences) implements AgentEffect {
        /** Copies. */
        public EndRefused {
            differences = List.copyOf(differences);
        }
    }

    /** The run goes on without this node, which ends; nothing follows. */
    record EndExpelled(String reason) implements AgentEffect {}
}
