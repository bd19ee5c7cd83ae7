package io.sparsebalance.actors.protocol.simulation;

/** What can go wrong in a simulated run. */
enum FaultKind {
    /** A node's process is killed; its rank loses everything. */
    RANK_CRASH,
    /** A node whose process was killed is started again. */
    RANK_RESTART,
    /** A node stands still for a while and then goes on with all that was sent to it. */
    RANK_PAUSE,
    /** The node of the coordinator is killed. */
    COORDINATOR_CRASH,
    /** The node of the coordinator stands still while another is elected, and wakes up again. */
    COORDINATOR_PAUSE,
    /** Another coordinator is elected while the first one runs. */
    SECOND_COORDINATOR,
    /** A node is added. */
    JOIN,
    /** A node leaves after its step. */
    LEAVE,
    /** A message is lost. */
    MESSAGE_LOST,
    /** A message arrives twice. */
    MESSAGE_DUPLICATED,
    /** A message overtakes another between the same two. */
    MESSAGE_REORDERED,
    /** A message takes very long. */
    MESSAGE_DELAYED,
    /** Two groups of nodes cannot reach each other. */
    PARTITION_SYMMETRIC,
    /** One node can reach some others, but is not reached by them, or the other way round. */
    PARTITION_ONE_WAY,
    /** A partition ends. */
    PARTITION_HEALED,
    /** Nothing more can be written for a while. */
    DISK_FULL,
    /** A line cannot be forced to disk. */
    DISK_FORCE_FAILED,
    /** Writes that were not forced are lost when their writer goes down. */
    DISK_LOST_WRITES,
    /** Half a line is left at the end of a ledger. */
    DISK_TORN_TAIL,
    /** The coordinator's node is killed between two operations of its journal. */
    CRASH_BETWEEN_WRITES,
    /** A node is killed between two operations of a checkpoint. */
    CRASH_IN_CHECKPOINT,
    /** All nodes go down at once, with everything that was not forced to disk. */
    POWER_CUT,
    /** A device fails at its next piece of work, for good. */
    DEVICE_FAILED,
    /** A reduce fails on one rank. */
    REDUCE_FAILED,
    /** A device works far slower than others. */
    DEVICE_SLOW,
    /** The gradient of a micro-batch is not finite; of one step at most once, since a second time would be taken for the truth. */
    GRADIENT_SPOILED
}
