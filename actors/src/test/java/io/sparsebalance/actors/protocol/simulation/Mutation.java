package io.sparsebalance.actors.protocol.simulation;

/** A safety rule that is turned off, to see that its absence is noticed. */
enum Mutation {
    /** All rules hold. */
    NONE,
    /** A coordinator tells of a commit without looking whether a later term was taken. */
    COMMIT_WITHOUT_LOOKING_AT_TERMS,
    /** A coordinator tells of a commit before it was forced to disk. */
    COMMIT_WITHOUT_FORCE,
    /** Messages of older generations and terms are taken for present ones. */
    ACCEPT_STALE_GENERATIONS,
    /** What was computed for a step that was given up is not dropped. */
    KEEP_OPEN_STEP,
    /** A successor goes on after ledger entries that may still be lost with another node. */
    ADOPT_WHAT_IS_NOT_FORCED,
    /** A coordinator goes on after what it read although a later one may have written some of it. */
    TAKE_OVER_WITHOUT_LOOKING_AT_TERMS,
    /** A successor does not take over what its predecessor's balancer had learned. */
    FORGET_WHAT_WAS_LEARNED,
    /** A successor does not know which steps its predecessor skipped. */
    FORGET_WHAT_WAS_SKIPPED,
    /** A coordinator tells that the run has ended without looking whether a later term was taken. */
    END_WITHOUT_LOOKING_AT_TERMS
}
