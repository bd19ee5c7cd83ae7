package io.sparsebalance.policies.batching;

import java.util.Comparator;
import java.util.List;

/**
 * The best plan there is, by branch and bound: samples by falling length into each bin that the token cap lets them into, bins
 * that are alike tried once, branches cut that already take as long as the best plan found. For small requests.
 */
final class Oracle {
    private final BatchRequest request;
    private final int[] lengths;
    private final double[] attention;
    private final long[] tokens;
    private final double[] own;
    private final double[] seconds;
    private double best = Double.POSITIVE_INFINITY;

    private Oracle(BatchRequest request) {
        this.request = request;
        List<Sample> samples = request.samples().stream()
                .sorted(Comparator.comparingInt((Sample s) -> -s.length())).toList();
        lengths = samples.stream().mapToInt(Sample::length).toArray();
        attention = samples.stream().mapToDouble(sample -> request.baseBudgets().byLayer().stream()
                .mapToDouble(k -> request.latency().attentionSeconds(sample.length(), k)).sum()).toArray();
        tokens = new long[request.numMicroBatches()];
        own = new double[tokens.length];
        seconds = new double[tokens.length];
    }

    /** Seconds of the longest micro-batch in the best content. */
    static double shortestLongest(BatchRequest request) {
        Oracle oracle = new Oracle(request);
        oracle.place(0);
        return oracle.best;
    }

    private void place(int sample) {
        if (sample == lengths.length) {
            double longest = 0;
            for (double bin : seconds) {
                longest = Math.max(longest, bin);
            }
            best = Math.min(best, longest);
            return;
        }
        for (int bin = 0; bin < tokens.length; bin++) {
            if (tokens[bin] + lengths[sample] > request.tokenCap() || sameAsEarlier(bin)) {
                continue;
            }
            double before = seconds[bin];
            double ownBefore = own[bin];
            tokens[bin] += lengths[sample];
            own[bin] += attention[sample];
            seconds[bin] = request.latency().fixedSeconds() + request.latency().linearSeconds(tokens[bin]) + own[bin];
            if (seconds[bin] < best) {
                place(sample + 1);
            }
            tokens[bin] -= lengths[sample];
            own[bin] = ownBefore;
            seconds[bin] = before;
        }
    }

    private boolean sameAsEarlier(int bin) {
        for (int earlier = 0; earlier < bin; earlier++) {
            if (tokens[earlier] == tokens[bin] && own[earlier] == own[bin]) {
                return true;
            }
        }
        return false;
    }

    /** Seconds of the longest rank in the best assignment of whole micro-batches. */
    static double bestAssignment(double[] microBatchSeconds, double[] speeds) {
        return assign(microBatchSeconds, speeds, new double[speeds.length], 0, Double.POSITIVE_INFINITY);
    }

    private static double assign(double[] costs, double[] speeds, double[] load, int at, double bestSoFar) {
        if (at == costs.length) {
            double longest = 0;
            for (double rank : load) {
                longest = Math.max(longest, rank);
            }
            return longest;
        }
        double found = bestSoFar;
        for (int rank = 0; rank < speeds.length; rank++) {
            double before = load[rank];
            load[rank] += costs[at] * speeds[rank];
            if (load[rank] < found) {
                found = Math.min(found, assign(costs, speeds, load, at + 1, found));
            }
            load[rank] = before;
        }
        return found;
    }
}
