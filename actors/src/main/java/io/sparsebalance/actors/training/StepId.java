package io.sparsebalance.actors.training;

/**
 * What every message of a step carries; a message whose id is not the current one is stale, ignored and counted.
 *
 * @param runId unique
 * @param generation of the set of ranks
 * @param step number, from 1
 */
public record StepId(String runId, long generation, long step) {
    /** The id of another step of the same run and generation. */
    StepId withStep(long otherStep) {
        return new StepId(runId, generation, otherStep);
    }

    /** Whether both belong to the same run and generation. */
    boolean sameGeneration(StepId other) {
        return generation == other.generation && runId.equals(other.runId);
    }
}
