package io.sparsebalance.actors.wire;

/** Why a message was not let through. */
public enum Refusal {
    /** Its manifest is of another schema: another release, or no message of ours. */
    UNKNOWN_SCHEMA,
    /** Its id is no message's. */
    UNKNOWN_MESSAGE,
    /** Its bytes are not what its id says: cut off, too long, out of range, over a limit. */
    MALFORMED,
    /** Received or to be sent, it is larger than a message may be. */
    OVERSIZED
}
