package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.FailureInfo;
import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.actors.rank.RankWorker;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import java.util.List;
import java.util.Optional;

/** What a rank takes. */
public sealed interface ToRank {
    /** From coordinator or balancer, perhaps from another JVM. All may come twice, late or never. */
    sealed interface Remote extends ToRank, WireMessage {}

    /** From the rank's own device. */
    sealed interface Local extends ToRank {}

    /** Tell this coordinator that you are there, once the device is open. */
    record Enlist(String runId, long term, String coordinator) implements Remote {}

    /**
     * A new generation is formed: leave what you are doing, drop what was computed for the open step, and say how far your
     * parameters are.
     *
     * @param coordinator address
     * @param balancer address
     */
    record JoinGeneration(StepId id, String coordinator, String balancer) implements Remote {}

    /** Make your parameters available to those behind. */
    record OfferState(StepId id) implements Remote {}

    /**
     * Copy parameters and moments from another rank.
     *
     * @param step that they are of
     * @param endpoint of the other rank's data plane
     * @param digest SHA-256 that they must have
     * @param applied what the other rank knows of the step
     */
    record CopyState(StepId id, long step, String endpoint, String digest,
            Optional<AppliedStep> applied) implements Remote {}

    /**
     * The generation is complete; connect to the others.
     *
     * @param rank of the receiver
     * @param endpoints data plane of each rank
     */
    record Activate(StepId id, int rank, List<String> endpoints) implements Remote {
        /** Copies. */
        public Activate {
            endpoints = List.copyOf(endpoints);
        }
    }

    /** Run a micro-batch. */
    record Grant(StepId id, int microBatch, List<SampleRef> samples, Budgets budgets, double lossScale)
            implements
                Remote {
        /** Copies. */
        public Grant {
            samples = List.copyOf(samples);
        }
    }

    /**
     * No more micro-batches of a step come than those that were granted: what they add up to may be reduced as it becomes final.
     *
     * @param microBatches that were granted to the receiver in this step
     */
    record AllGranted(StepId id, List<Integer> microBatches) implements Remote {
        /** Copies. */
        public AllGranted {
            microBatches = List.copyOf(microBatches);
        }
    }

    /**
     * All micro-batches of the step are done: reduce and update.
     *
     * @param outcome of the step, without coverage
     * @param update whether the step changes anything
     */
    record FinishStep(StepId id, StepOutcome outcome, RankWorker.Update update) implements Remote {}

    /** Compute the loss of held-out samples. */
    record Evaluate(StepId id, List<SampleRef> samples, Budgets budgets) implements Remote {
        /** Copies. */
        public Evaluate {
            samples = List.copyOf(samples);
        }
    }

    /** Write a checkpoint. */
    record SaveCheckpoint(StepId id, String directory) implements Remote {}

    /**
     * Release everything and end.
     *
     * @param term of the coordinator that wants it
     * @param again whether the device is worth opening again, as another member
     */
    record Shutdown(long term, String reason, boolean again) implements Remote {}

    /** The device is open. */
    record DeviceOpened(String description, long numParameters, long appliedStep, String endpoint) implements Local {}

    /** The device has dropped the open step. */
    record DeviceReset(StepId id) implements Local {}

    /** Parameters are on offer. */
    record StateReady(StepId id, String digest) implements Local {}

    /** Parameters were copied. */
    record StateArrived(CopyState command) implements Local {}

    /** The data plane of a generation is connected. */
    record Connected(StepId id) implements Local {}

    /** A micro-batch was run. */
    record MicroBatchRan(Grant grant, long busyNanos, long gcNanos, MicroBatchResult result) implements Local {}

    /** The step was reduced and applied. */
    record StepRan(FinishStep command, RankWorker.StepEnd end, long memoryBytes) implements Local {}

    /** Held-out samples were evaluated. */
    record Evaluated(StepId id, MicroBatchResult result) implements Local {}

    /** A checkpoint was written. */
    record CheckpointWritten(StepId id, String path, String digest) implements Local {}

    /** The device failed at something that was begun in the generation of {@code id}. */
    record DeviceFailed(StepId id, String doing, FailureInfo failure) implements Local {}

    /** The device is released; -1 open tensors if that failed. */
    record DeviceClosed(long openTensors) implements Local {}

    /** Time to ask for work again. */
    record AskAgain() implements Local {}
}
