package io.sparsebalance.policies.straggler;

import java.util.List;

/**
 * Memory of the estimator.
 *
 * @param ranks of each rank
 * @param hosts evidence against each host, in the estimator's order
 */
public record StragglerState(List<RankState> ranks, List<Track> hosts) {
    /** Copies. */
    public StragglerState {
        ranks = List.copyOf(ranks);
        hosts = List.copyOf(hosts);
    }

    /**
     * One rank.
     *
     * @param factor running busy / predicted, pauses taken out
     * @param observations steps with work, counted up to a small number
     * @param device evidence that it is slower than the others
     * @param pauses evidence that garbage collection holds it up
     * @param hostWide whether its host was suspected when the device evidence was raised
     */
    public record RankState(double factor, int observations, Track device, Track pauses, boolean hostWide) {}
}
