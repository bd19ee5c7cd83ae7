package io.sparsebalance.policies.step;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.straggler.RankObservation;
import java.util.ArrayList;
import java.util.List;

/** Sums of a step whose micro-batches are all done. */
public final class StepSummary {
    private static final double NANOS_PER_SECOND = 1e9;

    private final StepInFlight step;

    /** Of a step that is done. */
    public StepSummary(StepInFlight step) {
        if (!step.isDone()) {
            throw new IllegalArgumentException("the step still runs");
        }
        this.step = step;
    }

    /** Predicted and measured seconds of each rank, those without work included. */
    public List<RankObservation> observations() {
        double[] busy = new double[step.numRanks()];
        double[] expected = new double[step.numRanks()];
        double[] gc = new double[step.numRanks()];
        for (int i = 0; i < step.numMicroBatches(); i++) {
            Completion done = step.completion(i);
            busy[done.rank()] += done.busyNanos() / NANOS_PER_SECOND;
            gc[done.rank()] += done.gcNanos() / NANOS_PER_SECOND;
            expected[done.rank()] += step.seconds(i);
        }
        List<RankObservation> observations = new ArrayList<>();
        for (int rank = 0; rank < busy.length; rank++) {
            observations.add(new RankObservation(rank, busy[rank], expected[rank], gc[rank]));
        }
        return observations;
    }

    /** Seconds predicted for each micro-batch at the budgets it ran with, without speed factors. */
    public List<Double> predictedSeconds() {
        List<Double> seconds = new ArrayList<>();
        for (int i = 0; i < step.numMicroBatches(); i++) {
            seconds.add(step.seconds(i));
        }
        return seconds;
    }

    /** The same at the base budget. */
    public List<Double> baseSeconds() {
        List<Double> seconds = new ArrayList<>();
        for (int i = 0; i < step.numMicroBatches(); i++) {
            seconds.add(step.baseSeconds(i));
        }
        return seconds;
    }

    /** Selected over causal pairs that the step would have at the base budget. */
    public double baseDensity(int baseBudget, LatencyModel latency) {
        double selected = 0;
        double causal = 0;
        for (int i = 0; i < step.numMicroBatches(); i++) {
            for (int length : step.lengths(i)) {
                double pairs = 0.5 * length * (length + 1.0);
                selected += latency.density(length, baseBudget) * pairs;
                causal += pairs;
            }
        }
        return causal > 0 ? selected / causal : 1;
    }
}
