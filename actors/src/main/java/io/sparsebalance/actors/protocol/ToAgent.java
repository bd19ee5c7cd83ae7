package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.WireMessage;
import java.util.List;
import java.util.Optional;

/** What a node's agent takes. */
public sealed interface ToAgent {
    /** From the coordinator's roster, perhaps from another JVM. */
    sealed interface Remote extends ToAgent, WireMessage {}

    /** From the agent's own node. */
    sealed interface Local extends ToAgent {}

    /**
     * A coordinator is there: compare what must be alike, and have the ranks tell it that they are there. Said again until it is
     * answered.
     *
     * @param coordinator address
     * @param roster address, for the answer
     * @param facts that must be alike on all nodes, {@code key=value}
     */
    record Greet(String runId, long term, String coordinator, String roster, List<String> facts) implements Remote {
        /** Copies. */
        public Greet {
            facts = List.copyOf(facts);
        }
    }

    /**
     * The run is over.
     *
     * @param failure why it failed; empty if it did not
     * @param stopped whether it was asked to end before its last step
     * @param digest SHA-256 of parameters and moments, of the last checkpoint
     */
    record RunEnded(long term, Optional<FailureInfo> failure, boolean stopped, long steps, String digest)
            implements
                Remote {}

    /** Leave the run after its step, and then the cluster. */
    record Leave() implements Local {}

    /** Ask the run to end after its step. */
    record StopRun() implements Local {}

    /** The process of another node has ended. */
    record NodeGone(String node) implements Local {}

    /** The run goes on without this node. */
    record Expelled(String reason) implements Local {}

    /**
     * A rank's actor has ended.
     *
     * @param order that ended it; empty if it ended by itself
     * @param steps that its device had ended since it was opened
     */
    record RankEnded(MemberId member, Optional<ToRank.Shutdown> order, long steps) implements Local {}

    /** Time to say again what was not answered. */
    record Again() implements Local {}
}
