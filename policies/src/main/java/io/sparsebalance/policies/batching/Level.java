package io.sparsebalance.policies.batching;

import java.util.Arrays;

/**
 * Groups of bins whose summed seconds are looked at: single bins, or the bins that a rank would run one after the other. Follows
 * the partition it was made for.
 */
final class Level {
    private final int[] groupOf;
    private final int[][] bins;
    private final double[] loads;
    private final double[] speeds;
    private double limit = Double.POSITIVE_INFINITY;

    private Level(int[] groupOf, int[][] bins, double[] speeds) {
        this.groupOf = groupOf;
        this.bins = bins;
        this.loads = new double[bins.length];
        this.speeds = speeds;
    }

    /** Every bin by itself. */
    static Level ofBins(Partition partition) {
        int[] groupOf = new int[partition.numBins()];
        int[][] bins = new int[partition.numBins()][];
        for (int bin = 0; bin < groupOf.length; bin++) {
            groupOf[bin] = bin;
            bins[bin] = new int[]{bin};
        }
        return new Level(groupOf, bins, partition.speeds()).refreshed(partition);
    }

    /** Bins by the group of each. */
    static Level of(Partition partition, int[] groupOf, int numGroups) {
        int[] sizes = new int[numGroups];
        for (int group : groupOf) {
            sizes[group]++;
        }
        int[][] bins = new int[numGroups][];
        for (int group = 0; group < numGroups; group++) {
            bins[group] = new int[sizes[group]];
        }
        for (int bin = groupOf.length - 1; bin >= 0; bin--) {
            bins[groupOf[bin]][--sizes[groupOf[bin]]] = bin;
        }
        return new Level(groupOf, bins, Partition.evenSpeeds(numGroups)).refreshed(partition);
    }

    private Level refreshed(Partition partition) {
        for (int group = 0; group < bins.length; group++) {
            refresh(partition, group);
        }
        return this;
    }

    /** Sums a group's seconds again. */
    void refresh(Partition partition, int group) {
        double sum = 0;
        for (int bin : bins[group]) {
            sum += partition.seconds(bin);
        }
        loads[group] = sum;
    }

    /** From now on no group may get longer than the longest is. */
    void freeze() {
        limit = max() * (1 + 1e-12);
    }

    double limit() {
        return limit;
    }

    double max() {
        double max = 0;
        for (double load : loads) {
            max = Math.max(max, load);
        }
        return max;
    }

    double mean() {
        double sum = 0;
        for (double load : loads) {
            sum += load;
        }
        return loads.length == 0 ? 0 : sum / loads.length;
    }

    int numGroups() {
        return bins.length;
    }

    int group(int bin) {
        return groupOf[bin];
    }

    int[] groups() {
        return groupOf;
    }

    int[] bins(int group) {
        return bins[group];
    }

    double load(int group) {
        return loads[group];
    }

    double leastSpeed() {
        double least = Double.POSITIVE_INFINITY;
        for (double speed : speeds) {
            least = Math.min(least, speed);
        }
        return least;
    }

    double speed(int group) {
        return speeds[group];
    }
}
