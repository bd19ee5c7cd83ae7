package io.sparsebalance.policies.batching;

import java.util.Optional;

/** Partitions to start from: largest first, or Karmarkar and Karp's differencing. */
final class Seeds {
    private Seeds() {
    }

    /**
     * Largest first (LPT): each item, by falling cost, goes to the bin in which it would end first, among those with room. For
     * equal bins without a cap the costliest bin is at most 4/3 - 1/(3 bins) of the optimum (Graham, "Bounds on multiprocessing
     * timing anomalies", 1969). Where an item finds no room, the fewest bins are taken that best fit (fullest bin with room
     * first), which wastes little room, can do with.
     *
     * @param speeds slowdown of each bin; further bins have none
     */
    static Partition largestFirst(Costs costs, double[] speeds, long tokenCap) {
        Optional<Partition> seed = fill(costs, speeds, tokenCap);
        if (seed.isPresent()) {
            return seed.get();
        }
        Partition packed = bestFit(costs, speeds.length, tokenCap);
        return fill(costs, Partition.evenSpeeds(packed.numBins()), tokenCap).orElse(packed);
    }

    private static Optional<Partition> fill(Costs costs, double[] speeds, long tokenCap) {
        Partition partition = new Partition(costs, speeds, tokenCap);
        LoadTree tree = new LoadTree(speeds);
        for (int item = 0; item < costs.numItems(); item++) {
            int bin = tree.cheapest(costs.marginal(item), tokenCap - costs.length(item));
            if (bin < 0) {
                return Optional.empty();
            }
            partition.add(bin, item);
            tree.set(bin, tree.load(bin) + speeds[bin] * costs.marginal(item), partition.tokens(bin));
        }
        return Optional.of(partition.settleAll());
    }

    private static Partition bestFit(Costs costs, int numBins, long tokenCap) {
        Partition partition = new Partition(costs, numBins, tokenCap);
        LoadTree fullest = new LoadTree(Partition.evenSpeeds(costs.numItems() + numBins));
        for (int item = 0; item < costs.numItems(); item++) {
            int bin = fullest.cheapest(0, tokenCap - costs.length(item));
            while (bin >= partition.numBins()) {
                partition.open();
            }
            partition.add(bin, item);
            fullest.set(bin, -(double) partition.tokens(bin), partition.tokens(bin));
        }
        return partition.settleAll();
    }
}
