package io.sparsebalance.policies.straggler;

/**
 * What is known of a rank.
 *
 * @param speedFactor running busy / predicted: 1 as predicted, 2 twice as slow; corrects predictions
 * @param slowdown speed factor over that of the other ranks: above 1 it is slower than the others
 * @param straggler flagged: slow at or above the threshold for the configured number of steps
 * @param cause HOST, DEVICE or GC of a straggler, EVEN of another rank
 * @param host that it runs on
 */
public record Verdict(int rank, double speedFactor, double slowdown, boolean straggler, Cause cause, String host) {}
