package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.WireMessage;
import java.util.List;

/** What a coordinator's list of nodes takes from their agents. */
public sealed interface ToRoster {
    /** From an agent, perhaps in another JVM. */
    sealed interface Remote extends ToRoster, WireMessage {}

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
