package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.actors.protocol.StepId;
import io.sparsebalance.actors.protocol.ToRank;

/** Messages of any generation as if they were of the present one: what a rank would take if it did not look. */
final class Restamped {
    private Restamped() {
    }

    /** @param present generation of the rank; null if it has none */
    static ToRank of(ToRank message, StepId present) {
        if (present == null) {
            return message;
        }
        return switch (message) {
            case ToRank.Grant grant -> new ToRank.Grant(present.withStep(grant.id().step()), grant.microBatch(),
                    grant.samples(), grant.budgets(), grant.lossScale());
            case ToRank.FinishStep finish ->
                new ToRank.FinishStep(present.withStep(finish.id().step()), finish.outcome(), finish.update());
            default -> message;
        };
    }
}
