package io.sparsebalance.policies.straggler;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Tells slow devices, slow hosts and garbage collection from long documents.
 *
 * <ul>
 * <li>A device is judged by busy / predicted with garbage-collection pauses taken out, against the ranks of its step. Wall time
 * would make all ranks of a synchronous reduce look alike, and raw busy time would blame long documents on devices.
 * <li>A host is slow where all of its ranks are slower than the others, and their geometric mean is so by the threshold. A
 * single slow device cannot make a host slow, and with one host there is nothing to compare it with.
 * <li>Garbage collection is named where pauses make busy time longer by the threshold.
 * </ul>
 *
 * <p>Each piece of evidence is weighed over steps by a {@link Track}. A rank that was slow in some steps, but in the running mean is
 * no slower than the others, is not named: no work is moved away from it either. Pure: state in, state out.
 */
public final class StragglerEstimator {
    /** A single step may not pull the running factor further than this from itself. */
    private static final double MAX_JUMP = 2;
    /** For so many steps a rank may be slow because it has just begun, as on a machine that still compiles its code. */
    private static final int BEGINNING = 20;
    /**
     * Below this excess over the others no rank is called slow. Far below the threshold on purpose: the threshold is asked of single
     * steps and says whether there is a fault; the running mean says only how much it costs, and a device that is 1.3 times as slow in
     * one step of two is found at a mean of 1.15. Remedies are sized by that mean, so a small one moves little.
     */
    private static final double EVEN = 1.02;

    /** What is shorter than this in a step is clock and scheduler, not a device. */
    private static final double NOTICEABLE_SECONDS = 1e-3;
    /** A step is calm below this share of the way from 1 to the threshold. */
    private static final double CALM_SHARE = 0.5;

    private final Settings settings;
    private final List<String> hosts;
    private final int numHosts;
    /** Number of each rank's host. */
    private final int[] hostOf;
    private final double calm;

    /**
     * When to flag.
     *
     * @param threshold slowdown against the other ranks, above 1
     * @param steps slow steps in a row, or the same evidence from more steps with some not slow between them
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

    /** Of ranks that all run on one host. */
    public StragglerEstimator(Settings settings) {
        this(settings, List.of());
    }

    /**
     * Of ranks on hosts.
     *
     * @param hosts name of the host of each rank; empty if all run on one
     */
    public StragglerEstimator(Settings settings, List<String> hosts) {
        this.settings = settings;
        this.hosts = List.copyOf(hosts);
        List<String> names = hosts.stream().distinct().toList();
        Map<String, Integer> numbers = new HashMap<>();
        names.forEach(name -> numbers.put(name, numbers.size()));
        this.numHosts = names.size();
        this.hostOf = hosts.stream().mapToInt(numbers::get).toArray();
        this.calm = 1 + CALM_SHARE * (settings.threshold() - 1);
    }

    /**
     * Nothing seen yet.
     *
     * @throws IllegalArgumentException if hosts were named for another number of ranks
     */
    public StragglerState initial(int numRanks) {
        if (!hosts.isEmpty() && hosts.size() != numRanks) {
            throw new IllegalArgumentException("hosts of " + hosts.size() + " ranks, but there are " + numRanks);
        }
        return new StragglerState(
                Collections.nCopies(numRanks, new StragglerState.RankState(1, 0, Track.NONE, Track.NONE, false)),
                Collections.nCopies(numHosts, Track.NONE));
    }

    /** After one step; ranks without work keep what is known of them. */
    public StragglerState observe(StragglerState state, List<RankObservation> observations) {
        double reference = reference(observations);
        List<Track> nextHosts = numHosts > 1 ? nextHosts(state.hosts(), observations, reference) : state.hosts();
        List<StragglerState.RankState> ranks = new ArrayList<>(state.ranks());
        for (RankObservation seen : observations) {
            if (seen.predictedSeconds() > 0) {
                boolean suspected = numHosts > 1
                        && nextHosts.get(hostOf[seen.rank()]).score() >= settings.steps() / 2.0;
                ranks.set(seen.rank(), next(state.ranks().get(seen.rank()), seen, reference, suspected));
            }
        }
        return new StragglerState(ranks, nextHosts);
    }

    private List<Track> nextHosts(List<Track> before, List<RankObservation> observations, double reference) {
        double[] logs = new double[numHosts];
        int[] working = new int[numHosts];
        int[] slow = new int[numHosts];
        for (RankObservation seen : observations) {
            if (seen.predictedSeconds() > 0) {
                int host = hostOf[seen.rank()];
                double slowdown = ratio(seen) / reference;
                logs[host] += Math.log(slowdown);
                working[host]++;
                slow[host] += slowdown >= calm ? 1 : 0;
            }
        }
        List<Track> next = new ArrayList<>(before);
        for (int host = 0; host < numHosts; host++) {
            if (working[host] >= 2) {
                double mean = Math.exp(logs[host] / working[host]);
                next.set(host, before.get(host).next(slow[host] == working[host] && mean >= settings.threshold(),
                        mean < calm, settings.steps()));
            }
        }
        return next;
    }

    private StragglerState.RankState next(StragglerState.RankState before, RankObservation seen, double reference,
            boolean hostSuspected) {
        double ratio = ratio(seen);
        // What was seen of a rank before it was up to speed says nothing of it, and would keep work away for many steps.
        boolean upToSpeed = before.observations() < BEGINNING && ratio * MAX_JUMP < before.factor();
        int observations = upToSpeed ? 0 : before.observations();
        double clipped = observations == 0
                ? ratio
                : Math.min(before.factor() * MAX_JUMP, Math.max(before.factor() / MAX_JUMP, ratio));
        // The first observations are averaged, so that the factor is right soon; then it forgets exponentially.
        double weight = Math.max(settings.smoothing(), 1.0 / (observations + 1));
        double factor = before.factor() + weight * (clipped - before.factor());
        double slowdown = ratio / reference;
        boolean noticed = (ratio - reference) * seen.predictedSeconds() >= NOTICEABLE_SECONDS;
        Track device = (upToSpeed ? Track.NONE : before.device()).next(noticed && slowdown >= settings.threshold(),
                !noticed || slowdown < calm,
                settings.steps());
        double paused = seen.busySeconds() / Math.max(1e-9, seen.busySeconds() - seen.gcSeconds());
        boolean pauseNoticed = seen.gcSeconds() >= NOTICEABLE_SECONDS;
        Track pauses = before.pauses().next(pauseNoticed && paused >= settings.threshold(),
                !pauseNoticed || paused < calm, settings.steps());
        boolean hostWide = device.raised() && (before.hostWide() || hostSuspected);
        return new StragglerState.RankState(factor, Math.min(observations + 1, 1000), device, pauses,
                hostWide);
    }

    /** What is known of each rank. */
    public List<Verdict> verdicts(StragglerState state) {
        double[] factors = state.ranks().stream().filter(r -> r.observations() > 0)
                .mapToDouble(StragglerState.RankState::factor).toArray();
        double reference = factors.length == 0 ? 1 : lowQuantile(factors);
        List<Verdict> verdicts = new ArrayList<>();
        for (int rank = 0; rank < state.ranks().size(); rank++) {
            StragglerState.RankState known = state.ranks().get(rank);
            // A rank that never worked is taken to be like the others.
            double factor = known.observations() == 0 ? reference : known.factor();
            double slowdown = factor / reference;
            Cause cause = cause(state, known, rank, slowdown >= EVEN);
            verdicts.add(new Verdict(rank, factor, slowdown, cause != Cause.EVEN, cause,
                    hosts.isEmpty() ? "" : hosts.get(rank)));
        }
        return verdicts;
    }

    private Cause cause(StragglerState state, StragglerState.RankState known, int rank, boolean isSlower) {
        boolean host = numHosts > 1 && state.hosts().get(hostOf[rank]).raised();
        if (isSlower && (host || known.hostWide())) {
            return Cause.HOST;
        }
        return isSlower && known.device().raised() ? Cause.DEVICE : known.pauses().raised() ? Cause.GC : Cause.EVEN;
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
        double deviceExcess = slowest.predictedSeconds() > 0 ? ratio(slowest) / reference(observations) : 1;
        return deviceExcess > predictedExcess ? Cause.DEVICE : Cause.DATA;
    }

    private static double reference(List<RankObservation> observations) {
        double[] ratios = observations.stream().filter(o -> o.predictedSeconds() > 0)
                .mapToDouble(StragglerEstimator::ratio)
                .toArray();
        return ratios.length == 0 ? 1 : lowQuantile(ratios);
    }

    private static double ratio(RankObservation seen) {
        return Math.max(1e-9, seen.busySeconds() - seen.gcSeconds()) / seen.predictedSeconds();
    }

    /**
     * What is normal, from below the median: so that of two ranks the faster one is the measure, and half of the hosts may be
     * slow without the others' slowest rank becoming it.
     */
    private static double lowQuantile(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(sorted.length - 1) * 3 / 8];
    }
}
