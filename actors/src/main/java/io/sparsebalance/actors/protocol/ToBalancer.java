package io.sparsebalance.actors.protocol;

import io.sparsebalance.actors.message.WireMessage;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.util.List;
import java.util.Map;

/** What the balancer takes. */
public sealed interface ToBalancer {
    /** From ranks, perhaps of another JVM. All may come twice, late or never. */
    sealed interface Remote extends ToBalancer, WireMessage {}

    /** From coordinator and batcher. */
    sealed interface Local extends ToBalancer {}

    /** A rank has nothing to do; said again until it has. */
    record RequestWork(StepId id, int rank) implements Remote {}

    /** A rank ran a micro-batch. */
    record MicroBatchCompleted(StepId id, MicroBatchOutcome outcome) implements Remote {}

    /**
     * A generation begins, after the step of its id.
     *
     * @param learned up to that step; of what else was known of the ranks before, nothing is kept
     * @param committed budgets of the micro-batches of later steps that are in the ledger, and are run again with the same ones
     */
    record BeginGeneration(StepId id, List<MemberId> ranks, LearnedBytes learned,
            Map<Long, List<Budgets>> committed) implements Local {
        /** Copies. */
        public BeginGeneration {
            ranks = List.copyOf(ranks);
            committed = Map.copyOf(committed);
        }
    }

    /** A plan, possibly of a step that lies ahead. */
    record PlanReady(StepPlan plan) implements Local {}

    /** Run a step as soon as its plan is there. */
    record StartStep(StepId id) implements Local {}

    /** Which ranks hold the step up? */
    record FindLate(StepId id) implements Local {}
}
