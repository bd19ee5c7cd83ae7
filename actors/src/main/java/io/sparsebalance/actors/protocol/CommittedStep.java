package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.util.List;

/**
 * What must be known of a committed step by whoever may have to run it again, or the steps after it.
 *
 * @param checksum CRC32C of the parameters after it, unsigned
 * @param budgets of its micro-batches
 * @param learned by the balancer up to it
 * @param skipped steps in a row, this one the last, that changed nothing because their gradients were not finite; 0 for a step
 *                that changed the parameters
 */
public record CommittedStep(long checksum, List<Budgets> budgets, LearnedBytes learned, int skipped) {
    /** Copies. */
    public CommittedStep {
        budgets = List.copyOf(budgets);
    }

    CommittedStep withoutLearned() {
        return new CommittedStep(checksum, budgets, LearnedBytes.NONE, skipped);
    }
}
