package io.sparsebalance.policies.batching;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.Numbers;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.Arrays;
import java.util.List;

/**
 * Costs of the items that are to be balanced: samples into micro-batches, or micro-batches onto ranks. Items are numbered by
 * falling cost, ties by their place in the request, so that equal requests give equal plans.
 *
 * <p>A micro-batch costs {@code f + lin(sum of tokens) + sum of attention}: attention adds up exactly, the linear part does not
 * quite, since few tokens use a device badly. {@link #bin} is exact. {@link #marginal} adds the slope of the linear part about
 * an average micro-batch, so that candidates can be found by adding numbers; what is found is then checked exactly.
 */
final class Costs {
    private static final int PLACE_BITS = 20;
    private static final double NEAR = 0.5;

    /** Cost of a bin from the tokens and the summed {@link Costs#own} of its items. */
    @FunctionalInterface
    interface BinCost {
        double of(long tokens, double own);
    }

    private final int[] places;
    private final int[] lengths;
    private final double[] own;
    private final double[] marginal;
    private final BinCost bin;

    private Costs(int[] places, int[] lengths, double[] own, double[] marginal, BinCost bin) {
        this.places = places;
        this.lengths = lengths;
        this.own = own;
        this.marginal = marginal;
        this.bin = bin;
    }

    /** Predicted seconds at the base budgets; {@code numBins} says how many tokens an average micro-batch has. */
    static Costs predicted(List<Sample> samples, Budgets baseBudgets, LatencyModel latency, int numBins) {
        int[] places = byFallingLength(samples);
        int[] lengths = lengths(samples, places);
        int[] budgets = Numbers.ints(baseBudgets.byLayer());
        Arrays.sort(budgets);
        if (budgets.length != latency.numLayers()) {
            throw new IllegalArgumentException("base budgets for " + budgets.length + " layers, latency model has "
                    + latency.numLayers());
        }
        double[] attention = new double[lengths.length];
        long tokens = 0;
        for (int i = 0; i < lengths.length; i++) {
            tokens += lengths[i];
            attention[i] = i > 0 && lengths[i] == lengths[i - 1]
                    ? attention[i - 1]
                    : attentionSeconds(latency, lengths[i], budgets);
        }
        double slope = slope(latency, tokens / Math.max(1, numBins));
        double[] marginal = new double[lengths.length];
        for (int i = 0; i < lengths.length; i++) {
            marginal[i] = attention[i] + slope * lengths[i];
        }
        double fixed = latency.fixedSeconds();
        return new Costs(places, lengths, attention, marginal,
                (binTokens, sum) -> fixed + latency.linearSeconds(binTokens) + sum);
    }

    /** Squared lengths. */
    static Costs squared(List<Sample> samples) {
        int[] places = byFallingLength(samples);
        int[] lengths = lengths(samples, places);
        double[] squares = Arrays.stream(lengths).mapToDouble(length -> (double) length * length).toArray();
        return new Costs(places, lengths, squares, squares, (tokens, sum) -> sum);
    }

    /** Costs that add up, of things without tokens. */
    static Costs of(double[] values) {
        long[] keys = new long[values.length];
        for (int i = 0; i < values.length; i++) {
            // Bits of a positive double sort like the double; the last ones make room for the place.
            keys[i] = (Long.MAX_VALUE - Double.doubleToLongBits(values[i])) >> PLACE_BITS << PLACE_BITS | i;
        }
        Arrays.sort(keys);
        int[] places = new int[keys.length];
        double[] sorted = new double[keys.length];
        for (int i = 0; i < places.length; i++) {
            places[i] = (int) (keys[i] & (1L << PLACE_BITS) - 1);
            sorted[i] = values[places[i]];
        }
        return new Costs(places, new int[values.length], sorted, sorted, (tokens, sum) -> sum);
    }

    private static double attentionSeconds(LatencyModel latency, int length, int[] sortedBudgets) {
        double sum = 0;
        for (int at = 0; at < sortedBudgets.length;) {
            int next = at;
            while (next < sortedBudgets.length && sortedBudgets[next] == sortedBudgets[at]) {
                next++;
            }
            sum += (next - at) * latency.attentionSeconds(length, sortedBudgets[at]);
            at = next;
        }
        return sum;
    }

    private static double slope(LatencyModel latency, long tokens) {
        long low = Math.max(1, (long) (NEAR * tokens));
        long high = low + Math.max(1, tokens);
        return (latency.linearSeconds(high) - latency.linearSeconds(low)) / (high - low);
    }

    private static int[] byFallingLength(List<Sample> samples) {
        long[] keys = new long[samples.size()];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = (long) (Integer.MAX_VALUE - samples.get(i).length()) << Integer.SIZE | i;
        }
        Arrays.sort(keys);
        int[] places = new int[keys.length];
        for (int i = 0; i < places.length; i++) {
            places[i] = (int) keys[i];
        }
        return places;
    }

    private static int[] lengths(List<Sample> samples, int[] places) {
        int[] lengths = new int[places.length];
        for (int i = 0; i < lengths.length; i++) {
            lengths[i] = samples.get(places[i]).length();
        }
        return lengths;
    }

    int numItems() {
        return places.length;
    }

    /** Place of an item in the request. */
    int place(int item) {
        return places[item];
    }

    int length(int item) {
        return lengths[item];
    }

    /** The part of an item's cost that adds up exactly. */
    double own(int item) {
        return own[item];
    }

    /** What an item adds to an average bin, about; falls from item to item. */
    double marginal(int item) {
        return marginal[item];
    }

    /** Exact cost of a bin with the longest item alone; no bin that holds it costs less. */
    double leastOfLongest() {
        return bin(lengths[0], own[0]);
    }

    /** Exact cost of a bin. */
    double bin(long tokens, double sumOfOwn) {
        return bin.of(tokens, sumOfOwn);
    }
}
