package io.sparsebalance.policies.straggler;

/**
 * What is known of a rank.
 *
 * @param speedFactor running busy / predicted: 1 as predicted, 2 twice as slow; corrects predictions
 * @param slowdown speed factor over the median of all ranks: above 1 it is slower than the others
 * @param straggler flagged: slowdown at or above the threshold for the configured number of steps
 */
public record Verdict(int rank, double speedFactor, double slowdown, boolean straggler) {}
