package io.sparsebalance.policies.straggler;

/**
 * One rank in one step.
 *
 * @param busySeconds measured forward and backward of its micro-batches
 * @param predictedSeconds predicted by the latency model without any speed factor; 0 if the rank had no work
 * @param gcSeconds garbage-collection pauses inside the busy time
 */
public record RankObservation(int rank, double busySeconds, double predictedSeconds, double gcSeconds) {}
