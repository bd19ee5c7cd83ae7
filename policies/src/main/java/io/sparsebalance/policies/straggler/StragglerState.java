package io.sparsebalance.policies.straggler;

import java.util.List;

/**
 * Memory of the estimator.
 *
 * @param ranks of each rank
 */
public record StragglerState(List<RankState> ranks) {
    /** Copies. */
    public StragglerState {
        ranks = List.copyOf(ranks);
    }

    /**
     * One rank.
     *
     * @param factor running busy / predicted
     * @param observations steps with work, counted up to a small number
     * @param slowSteps consecutive steps with work in which its own ratio was at or above the threshold
     * @param flagged whether it is a straggler
     */
    public record RankState(double factor, int observations, int slowSteps, boolean flagged) {}
}
