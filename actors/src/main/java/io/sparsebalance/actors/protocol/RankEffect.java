package io.sparsebalance.actors.protocol;

import java.util.List;

/**
 * What a rank wants done. Work on the device is done in the order in which it was asked for, and each piece is answered by its
 * {@link ToRank.Local} message or by {@link ToRank.DeviceFailed}.
 */
public sealed interface RankEffect {
    /** Tell the coordinator whom the rank obeys. */
    record TellCoordinator(ToCoordinator.Remote message) implements RankEffect {}

    /** Tell a coordinator that is not obeyed. */
    record Refuse(String coordinator, ToCoordinator.Remote message) implements RankEffect {}

    /** Tell that coordinator's balancer. */
    record TellBalancer(ToBalancer.Remote message) implements RankEffect {}

    /** From now on coordinator and balancer are at these addresses; an empty one is not known. */
    record Obey(String coordinator, String balancer) implements RankEffect {}

    /** Make whatever waits for other ranks fail, now. */
    record AbortCollective(String reason) implements RankEffect {}

    /** No more micro-batches of the step come to this rank: reduce what is final of their gradient. Not answered. */
    record ReduceEarly(long step, int numMicroBatches) implements RankEffect {}

    /** Drop the gradient of the open step. */
    record ResetDevice(StepId id) implements RankEffect {}

    /** Make parameters and moments available to others, until the next generation is connected. */
    record OfferState(StepId id, long step) implements RankEffect {}

    /** Copy parameters and moments. */
    record CopyState(ToRank.CopyState command) implements RankEffect {}

    /** Connect to the other ranks of a generation. */
    record Connect(StepId id, int rank, List<String> endpoints) implements RankEffect {}

    /** Run a micro-batch. */
    record RunMicroBatch(ToRank.Grant grant) implements RankEffect {}

    /** Reduce and update. */
    record RunStepEnd(ToRank.FinishStep command) implements RankEffect {}

    /** Evaluate held-out samples. */
    record RunEvaluation(ToRank.Evaluate command) implements RankEffect {}

    /** Write a checkpoint. */
    record WriteCheckpoint(ToRank.SaveCheckpoint command) implements RankEffect {}

    /**
     * Release the device.
     *
     * @param order that is obeyed
     */
    record CloseDevice(ToRank.Shutdown order) implements RankEffect {}

    /** The rank has ended. */
    record End() implements RankEffect {}
}
