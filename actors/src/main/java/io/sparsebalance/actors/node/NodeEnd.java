package io.sparsebalance.actors.node;

import java.util.Optional;

/**
 * How a node ended.
 *
 * @param kind whether with the run or before it
 * @param failure why the run failed, or this node could not go on; empty if neither
 * @param steps committed by the run, as far as this node knows
 * @param digest SHA-256 of parameters and moments at the run's end; empty if not known
 */
public record NodeEnd(Kind kind, Optional<RuntimeException> failure, long steps, String digest) {
    /** When a node ends. */
    public enum Kind {
        /** The run did all its steps, or failed. */
        RUN_ENDED,
        /** The run was asked to stop. */
        RUN_STOPPED,
        /** The node was asked to leave, and the run goes on. */
        LEFT,
        /** The node was not like the others, and was not taken in. */
        REFUSED,
        /** The other nodes have gone on without this one. */
        EXPELLED
    }
}
