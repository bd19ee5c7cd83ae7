package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

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
        int numBins = Placement.numBins(request);
        List<Sample> samples = new ArrayList<>(request.samples());
        samples.sort(Comparator.comparingInt((Sample s) -> -s.length()).thenComparingLong(Sample::id));
        Bins bins = new Bins(1, request.tokenCap());
        int inBin = 0;
        int remaining = samples.size();
        for (Sample sample : samples) {
            int bin = bins.size() - 1;
            int share = Math.ceilDiv(remaining + inBin, Math.max(1, numBins - bin));
            if (inBin > 0 && (inBin >= share || !bins.fits(bin, sample.length()))) {
                bin = bins.open();
                inBin = 0;
            }
            bins.add(bin, new Bins.Item(sample, sample.length()));
            inBin++;
            remaining--;
        }
        List<List<Sample>> microBatches = bins.result();
        List<Integer> ranks = new ArrayList<>();
        for (int i = 0; i < microBatches.size(); i++) {
            ranks.add(i % request.numRanks());
        }
        return new BatchPlan(microBatches, ranks);
    }
}
