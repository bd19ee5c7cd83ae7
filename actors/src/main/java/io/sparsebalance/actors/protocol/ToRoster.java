package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.WireMessage;
import java.util.List;

/** What a coordinator's list of nodes takes from their agents. */
public sealed interface ToRoster {
    /** From an agent, perhaps in another JVM. */
    sealed interface Remote extends ToRoster, WireMessage {}

    /** From the coordinator's own JVM. */
    sealed interface Local extends ToRoster {}

    /** The coordinator is there: agents may be told of it. */
    record Begin(String coordinator) implements Local {}

    /** Agents that can be reached now, all of them. */
    record Reachable(List<String> agents) implements Local {
        /** Copies. */
        public Reachable {
            agents = List.copyOf(agents);
        }
    }

    /** A node was taken out of the cluster; it may be some time before its agent counts as out of reach. */
    record NodeDowned(String node) implements Local {}

    /** Tell every agent. */
    record TellAll(ToAgent.Remote message) implements Local {}

    /** Time to greet again those that did not answer. */
    record Again() implements Local {}

    /**
     * A node takes part.
     *
     * @param agent address of its agent
     */
    record NodeReady(String node, String agent, int numRanks) implements Remote {}

    /**
     * A node does not take part, since it differs in what must be alike.
     *
     * @param differences what differs, for people
     */
    record NodeRefused(String node, List<String> differences) implements Remote {
        /** Copies. */
        public NodeRefused {
            differences = List.copyOf(differences);
        }
    }
}
