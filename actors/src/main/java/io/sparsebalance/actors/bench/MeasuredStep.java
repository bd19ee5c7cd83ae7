package io.sparsebalance.actors.bench;

import java.util.List;

/**
 * One step of one arm.
 *
 * @param step number, from 1
 * @param seconds of the step
 * @param busySeconds of each rank, in micro-batches
 * @param waitSeconds of each rank, until the last one had run its micro-batches
 * @param predictedSeconds of each rank, by the latency table without speed factors
 * @param density computed over causal pairs
 * @param coverage kept share of the router's probability, weighted by tokens
 * @param planSeconds batching, budgets and revisions, of all ranks
 * @param waitedSeconds of it, what a step of a run waits for: budgets, and the revisions of the rank that waited longest for its own. Batches
 *                      are made there while earlier steps run
 * @param loss of the step's targets, nats a token
 */
public record MeasuredStep(long step, double seconds, List<Double> busySeconds, List<Double> waitSeconds,
        List<Double> predictedSeconds, double density, double coverage, double planSeconds,
        double waitedSeconds, double loss) {
    /** Copies. */
    public MeasuredStep {
        busySeconds = List.copyOf(busySeconds);
        waitSeconds = List.copyOf(waitSeconds);
        predictedSeconds = List.copyOf(predictedSeconds);
    }

    /** Mean over ranks. */
    public double meanBusySeconds() {
        return busySeconds.stream().mapToDouble(Double::doubleValue).average().orElse(0);
    }

    /** Largest over mean busy time of the ranks; 1 is even. */
    public double imbalance() {
        double mean = meanBusySeconds();
        return mean > 0 ? busySeconds.stream().mapToDouble(Double::doubleValue).max().orElse(0) / mean : 1;
    }
}
