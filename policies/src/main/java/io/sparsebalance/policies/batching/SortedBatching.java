package io.sparsebalance.policies.batching;

import java.util.List;
import java.util.stream.IntStream;

/**
 * {@code sorted}: samples of similar length together (LongAlign, arXiv 2401.18058), as many in each micro-batch; micro-batches
 * go to the ranks in turn.
 */
public final class SortedBatching implements BatchingPolicy {
    @Override
    public String name() {
        return "sorted";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        int numBins = Requests.numBins(request);
        Costs costs = Costs.squared(request.samples());
        Partition bins = new Partition(costs, 1, request.tokenCap());
        for (int item = 0; item < costs.numItems(); item++) {
            int bin = bins.numBins() - 1;
            int inBin = bins.size(bin);
            int share = Math.ceilDiv(costs.numItems() - item + inBin, Math.max(1, numBins - bin));
            if (inBin > 0 && (inBin >= share || !bins.fits(bin, costs.length(item)))) {
                bin = bins.open();
            }
            bins.add(bin, item);
        }
        List<List<Sample>> microBatches = bins.samples(request.samples());
        return new BatchPlan(microBatches,
                IntStream.range(0, microBatches.size()).map(i -> i % request.numRanks()).boxed().toList());
    }
}
