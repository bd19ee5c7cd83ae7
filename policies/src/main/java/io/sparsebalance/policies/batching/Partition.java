package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Items in bins under a token cap. A bin's items are kept by falling cost. Not shared between threads.
 *
 * <p>{@link #seconds} of a bin is its slowdown times its exact cost; an empty bin costs nothing.
 */
final class Partition {
    private static final int FIRST_CAPACITY = 8;

    private final Costs costs;
    private final long tokenCap;
    private int[][] items;
    private int[] sizes;
    private long[] tokens;
    private double[] seconds;
    private double[] speeds;
    private int numBins;

    /** Empty bins, one for each slowdown. */
    Partition(Costs costs, double[] speeds, long tokenCap) {
        this.costs = costs;
        this.tokenCap = tokenCap;
        this.numBins = speeds.length;
        this.speeds = speeds.clone();
        this.items = new int[numBins][];
        this.sizes = new int[numBins];
        this.tokens = new long[numBins];
        this.seconds = new double[numBins];
    }

    /** Empty bins without slowdown. */
    Partition(Costs costs, int numBins, long tokenCap) {
        this(costs, evenSpeeds(numBins), tokenCap);
    }

    static double[] evenSpeeds(int numBins) {
        double[] speeds = new double[numBins];
        Arrays.fill(speeds, 1);
        return speeds;
    }

    Costs costs() {
        return costs;
    }

    int numBins() {
        return numBins;
    }

    long tokenCap() {
        return tokenCap;
    }

    double[] speeds() {
        return speeds;
    }

    /** Adds an empty bin; returns its number. */
    int open() {
        if (numBins == sizes.length) {
            int capacity = 2 * numBins + 1;
            items = Arrays.copyOf(items, capacity);
            sizes = Arrays.copyOf(sizes, capacity);
            tokens = Arrays.copyOf(tokens, capacity);
            seconds = Arrays.copyOf(seconds, capacity);
            speeds = Arrays.copyOf(speeds, capacity);
        }
        speeds[numBins] = 1;
        return numBins++;
    }

    int size(int bin) {
        return sizes[bin];
    }

    int item(int bin, int index) {
        return items[bin][index];
    }

    long tokens(int bin) {
        return tokens[bin];
    }

    /** Whether {@code added} more tokens fit. */
    boolean fits(int bin, long added) {
        return tokens[bin] + added <= tokenCap;
    }

    /** Puts an item into a bin; {@link #settle} before asking for seconds. */
    void add(int bin, int item) {
        if (items[bin] == null) {
            items[bin] = new int[FIRST_CAPACITY];
        } else if (sizes[bin] == items[bin].length) {
            items[bin] = Arrays.copyOf(items[bin], 2 * sizes[bin]);
        }
        int[] held = items[bin];
        int at = sizes[bin]++;
        while (at > 0 && held[at - 1] > item) {
            held[at] = held[at - 1];
            at--;
        }
        held[at] = item;
        tokens[bin] += costs.length(item);
    }

    /** Takes an item out of its bin; {@link #settle} before asking for seconds. */
    void remove(int bin, int item) {
        int[] held = items[bin];
        int at = Arrays.binarySearch(held, 0, sizes[bin], item);
        System.arraycopy(held, at + 1, held, at, sizes[bin] - at - 1);
        sizes[bin]--;
        tokens[bin] -= costs.length(item);
    }

    /** Computes the seconds of a bin afresh, so that rounding does not add up over many changes. */
    void settle(int bin) {
        double own = 0;
        for (int i = 0; i < sizes[bin]; i++) {
            own += costs.own(items[bin][i]);
        }
        seconds[bin] = sizes[bin] == 0 ? 0 : speeds[bin] * costs.bin(tokens[bin], own);
    }

    Partition settleAll() {
        for (int bin = 0; bin < numBins; bin++) {
            settle(bin);
        }
        return this;
    }

    double seconds(int bin) {
        return seconds[bin];
    }

    /** Seconds of all bins. */
    double[] seconds() {
        return Arrays.copyOf(seconds, numBins);
    }

    double maxSeconds() {
        double most = 0;
        for (int bin = 0; bin < numBins; bin++) {
            most = Math.max(most, seconds[bin]);
        }
        return most;
    }

    boolean hasEmptyBin() {
        for (int bin = 0; bin < numBins; bin++) {
            if (sizes[bin] == 0) {
                return true;
            }
        }
        return false;
    }

    /** An equal partition that changes by itself. */
    Partition copy() {
        Partition copy = new Partition(costs, Arrays.copyOf(speeds, numBins), tokenCap);
        for (int bin = 0; bin < numBins; bin++) {
            copy.items[bin] = items[bin] == null ? null : items[bin].clone();
            copy.sizes[bin] = sizes[bin];
            copy.tokens[bin] = tokens[bin];
            copy.seconds[bin] = seconds[bin];
        }
        return copy;
    }

    /** Bin of each place of the request. */
    int[] binOfPlaces() {
        int[] bins = new int[costs.numItems()];
        for (int bin = 0; bin < numBins; bin++) {
            for (int i = 0; i < sizes[bin]; i++) {
                bins[costs.place(items[bin][i])] = bin;
            }
        }
        return bins;
    }

    /** Samples of the bins that hold something, by falling length. */
    List<List<Sample>> samples(List<Sample> samples) {
        List<List<Sample>> result = new ArrayList<>(numBins);
        for (int bin = 0; bin < numBins; bin++) {
            if (sizes[bin] > 0) {
                Sample[] held = new Sample[sizes[bin]];
                for (int i = 0; i < held.length; i++) {
                    held[i] = samples.get(costs.place(items[bin][i]));
                }
                result.add(List.of(held));
            }
        }
        return result;
    }
}
