package io.sparsebalance.policies.straggler;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Tells slow devices from long documents: a device is judged by busy / predicted with garbage-collection pauses taken out,
 * against the median of all ranks. Wall time would make all ranks of a synchronous reduce look alike, and raw busy time would
 * blame long documents on devices. Pure: state in, state out.
 */
public final class StragglerEstimator {
    /** A single step may not pull the running factor further than this from itself. */
    private static final double MAX_JUMP = 2;
    /** Below this excess over the mean no rank is called the slowest. */
    private static final double EVEN = 1.02;

    private final Settings settings;

    /**
     * When to flag.
     *
     * @param threshold slowdown against the other ranks, above 1
     * @param steps consecutive steps
     * @param smoothing weight of a new observation in the running factor, above 0, at most 1
     */
    public record Settings(double threshold, int steps, double smoothing) {
        /** Checks the ranges. */
        public Settings {
            if (!(threshold > 1) || steps < 1 || !(smoothing > 0 && smoothing <= 1)) {
                throw new IllegalArgumentException(
                        "straggler threshold " + threshold + " must be above 1, steps " + steps
                                + " at least 1, smoothing " + smoothing + " above 0 and at most 1");
            }
        }
    }

    /**
     * The rank that the others waited for.
     *
     * @param imbalance max / mean of the busy times
     */
    public record Slowest(int rank, Cause cause, double imbalance) {}

    /** With settings. */
    public StragglerEstimator(Settings settings) {
        this.settings = settings;
    }

    /** Nothing seen yet. */
    public StragglerState initial(int numRanks) {
        List<StragglerState.RankState> ranks = new ArrayList<>();
        for (int i = 0; i < numRanks; i++) {
            ranks.add(new StragglerState.RankState(1, 0, 0, false));
        }
        return new StragglerState(ranks);
    }

    /** After one step; ranks without work keep what is known of them. */
    public StragglerState observe(StragglerState state, List<RankObservation> observations) {
        List<StragglerState.RankState> ranks = new ArrayList<>(state.ranks());
        double median = medianRatio(observations);
        for (RankObservation seen : observations) {
            if (seen.predictedSeconds() > 0) {
                ranks.set(seen.rank(), next(state.ranks().get(seen.rank()), ratio(seen), median));
            }
        }
        return new StragglerState(ranks);
    }

    private StragglerState.RankState next(StragglerState.RankState before, double ratio, double median) {
        double clipped = before.observations() == 0
                ? ratio
                : Math.min(before.factor() * MAX_JUMP, Math.max(before.factor() / MAX_JUMP, ratio));
        // The first observations are averaged, so that the factor is right soon; then it forgets exponentially.
        double weight = Math.max(settings.smoothing(), 1.0 / (before.observations() + 1));
        double factor = before.factor() + weight * (clipped - before.factor());
        int slowSteps = ratio >= settings.threshold() * median ? before.slowSteps() + 1 : 0;
        boolean flagged = slowSteps >= settings.steps() || (before.flagged() && slowSteps > 0);
        return new StragglerState.RankState(factor, Math.min(before.observations() + 1, 1000), slowSteps, flagged);
    }

    /** What is known of each rank. */
    public List<Verdict> verdicts(StragglerState state) {
        double[] factors = state.ranks().stream().filter(r -> r.observations() > 0)
                .mapToDouble(StragglerState.RankState::factor).toArray();
        double median = factors.length == 0 ? 1 : lowerMedian(factors);
        List<Verdict> verdicts = new ArrayList<>();
        for (int rank = 0; rank < state.ranks().size(); rank++) {
            StragglerState.RankState known = state.ranks().get(rank);
            // A rank that never worked is taken to be like the others.
            double factor = known.observations() == 0 ? median : known.factor();
            verdicts.add(new Verdict(rank, factor, factor / median, known.flagged()));
        }
        return verdicts;
    }

    /** Who was slowest in this step, and why. */
    public Slowest slowest(List<RankObservation> observations) {
        RankObservation slowest = observations.getFirst();
        double sum = 0;
        for (RankObservation seen : observations) {
            sum += seen.busySeconds();
            if (seen.busySeconds() > slowest.busySeconds()) {
                slowest = seen;
            }
        }
        double mean = sum / observations.size();
        double imbalance = mean > 0 ? slowest.busySeconds() / mean : 1;
        return new Slowest(slowest.rank(), cause(observations, slowest, mean, imbalance), imbalance);
    }

    private Cause cause(List<RankObservation> observations, RankObservation slowest, double mean, double imbalance) {
        if (imbalance < EVEN) {
            return Cause.EVEN;
        }
        double excess = slowest.busySeconds() - mean;
        if (slowest.gcSeconds() >= excess / 2) {
            return Cause.GC;
        }
        double predictedMean = observations.stream().mapToDouble(RankObservation::predictedSeconds).average().orElse(0);
        double predictedExcess = predictedMean > 0 ? slowest.predictedSeconds() / predictedMean : 1;
        double deviceExcess = slowest.predictedSeconds() > 0 ? ratio(slowest) / medianRatio(observations) : 1;
        return deviceExcess > predictedExcess ? Cause.DEVICE : Cause.DATA;
    }

    private static double medianRatio(List<RankObservation> observations) {
        double[] ratios = observations.stream().filter(o -> o.predictedSeconds() > 0)
                .mapToDouble(StragglerEstimator::ratio)
                .toArray();
        return ratios.length == 0 ? 1 : lowerMedian(ratios);
    }

    private static double ratio(RankObservation seen) {
        return Math.max(1e-9, seen.busySeconds() - seen.gcSeconds()) / seen.predictedSeconds();
    }

    /** With two ranks, one of them slow, the faster one is the measure. */
    private static double lowerMedian(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(sorted.length - 1) / 2];
    }
}
