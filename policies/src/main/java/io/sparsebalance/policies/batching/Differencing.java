package io.sparsebalance.policies.batching;

import java.util.Arrays;
import java.util.Optional;
import java.util.PriorityQueue;

/**
 * Differencing (Karmarkar and Karp, "The differencing method of set partitioning", 1982) for any number of bins, as Korf
 * describes it ("Multi-way number partitioning", 2009). Each item starts as a partition of its own; again and again the two
 * partitions with the largest difference between their costliest and cheapest bin are joined, the costliest bin of one with the
 * cheapest of the other. Time is about items * bins * log(bins), so the callers bound it.
 */
final class Differencing {
    private static final int INDEX_BITS = 12;
    /** Most bins: an index fits beside a sum. */
    static final int MAX_BINS = 1 << INDEX_BITS;

    private final Costs costs;
    private final int numBins;
    /** Item after this one in its bin, or -1. */
    private final int[] next;
    private int joined;

    private Differencing(Costs costs, int numBins) {
        this.costs = costs;
        this.numBins = numBins;
        this.next = new int[costs.numItems()];
        Arrays.fill(next, -1);
    }

    /**
     * Bins with something in them, by falling sum less the cheapest bin's sum; bins that are left out are empty.
     *
     * @param heads first item of each bin
     * @param tails last item of each bin
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Joined(double[] sums, int[] heads, int[] tails, int order) {}

    /**
     * The partition that differencing ends with; nothing if it breaks the token cap or leaves a bin empty.
     *
     * @param speeds equal slowdowns of the bins
     */
    static Optional<Partition> seed(Costs costs, double[] speeds, long tokenCap) {
        Differencing differencing = new Differencing(costs, speeds.length);
        Joined last = differencing.run();
        Partition partition = new Partition(costs, speeds, tokenCap);
        for (int bin = 0; bin < last.heads().length; bin++) {
            for (int item = last.heads()[bin]; item >= 0; item = differencing.next[item]) {
                if (!partition.fits(bin, costs.length(item))) {
                    return Optional.empty();
                }
                partition.add(bin, item);
            }
        }
        return partition.hasEmptyBin() ? Optional.empty() : Optional.of(partition.settleAll());
    }

    private Joined run() {
        PriorityQueue<Joined> queue = new PriorityQueue<>((a, b) -> {
            int byDifference = Double.compare(difference(b), difference(a));
            return byDifference != 0 ? byDifference : Integer.compare(a.order(), b.order());
        });
        for (int item = 0; item < costs.numItems(); item++) {
            queue.add(new Joined(new double[]{costs.marginal(item)}, new int[]{item}, new int[]{item}, joined++));
        }
        while (queue.size() > 1) {
            queue.add(join(queue.remove(), queue.remove()));
        }
        return queue.remove();
    }

    private double difference(Joined partition) {
        double[] sums = partition.sums();
        return sums.length < numBins ? sums[0] : sums[0] - sums[numBins - 1];
    }

    private Joined join(Joined a, Joined b) {
        int size = Math.min(numBins, a.sums().length + b.sums().length);
        double[] sums = Arrays.copyOf(a.sums(), size);
        int[] heads = Arrays.copyOf(a.heads(), size);
        int[] tails = Arrays.copyOf(a.tails(), size);
        int empty = a.sums().length;
        for (int i = 0; i < b.sums().length; i++) {
            // The costliest bins of one meet the empty, then the cheapest, bins of the other.
            int at = empty < size ? empty++ : numBins - 1 - i;
            if (at < a.sums().length) {
                sums[at] += b.sums()[i];
                next[tails[at]] = b.heads()[i];
            } else {
                sums[at] = b.sums()[i];
                heads[at] = b.heads()[i];
            }
            tails[at] = b.tails()[i];
        }
        return sorted(sums, heads, tails);
    }

    private Joined sorted(double[] sums, int[] heads, int[] tails) {
        int size = sums.length;
        long[] keys = new long[size];
        for (int i = 0; i < size; i++) {
            keys[i] = (Long.MAX_VALUE - Double.doubleToLongBits(sums[i])) >> INDEX_BITS << INDEX_BITS | i;
        }
        Arrays.sort(keys);
        double[] newSums = new double[size];
        int[] newHeads = new int[size];
        int[] newTails = new int[size];
        int last = (int) (keys[size - 1] & (MAX_BINS - 1));
        double least = size < numBins ? 0 : sums[last];
        for (int i = 0; i < size; i++) {
            int from = (int) (keys[i] & (MAX_BINS - 1));
            newSums[i] = Math.max(0, sums[from] - least);
            newHeads[i] = heads[from];
            newTails[i] = tails[from];
        }
        return new Joined(newSums, newHeads, newTails, joined++);
    }
}
