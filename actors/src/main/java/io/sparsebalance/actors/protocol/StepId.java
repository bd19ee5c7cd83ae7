package io.sparsebalance.actors.protocol;

/**
 * What every message of a step carries; a message whose id is not the current one is stale, ignored and counted.
 *
 * @param runId unique
 * @param term of the coordinator, from 1; a successor has a higher one
 * @param generation of the set of ranks, counted within a term
 * @param step number, from 1; 0 before the first
 */
public record StepId(String runId, long term, long generation, long step) {
    /** The id of another step of the same run and generation. */
    public StepId withStep(long otherStep) {
        return new StepId(runId, term, generation, otherStep);
    }

    /** The id at the same step in another generation. */
    public StepId withGeneration(long otherGeneration) {
        return new StepId(runId, term, otherGeneration, step);
    }

    /** Whether both belong to the same run, term and generation. */
    public boolean sameGeneration(StepId other) {
        return term == other.term && generation == other.generation && runId.equals(other.runId);
    }

    /** Whether this is of a later term than {@code other}, or of a later generation of the same one. */
    public boolean supersedes(StepId other) {
        return term > other.term || (term == other.term && generation > other.generation);
    }
}
