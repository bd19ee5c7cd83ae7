package io.sparsebalance.policies.batching;

import java.util.List;

/** {@code lbb}: balances the sum of squared lengths, which is what dense attention costs; blind to sparsity. */
public final class LengthSquaredBatching implements BatchingPolicy {
    @Override
    public String name() {
        return "lbb";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        int numBins = Placement.numBins(request);
        Bins bins = Placement.largestFirst(Placement.byFallingCost(request.samples(), s -> square(s.length())), numBins,
                request.tokenCap());
        LocalSearch.improve(bins);
        List<List<Sample>> microBatches = bins.result();
        List<Double> costs = microBatches.stream().map(b -> b.stream().mapToDouble(s -> square(s.length())).sum())
                .toList();
        return new BatchPlan(microBatches, Placement.assign(costs, request.rankSpeeds()));
    }

    private static double square(int length) {
        return (double) length * length;
    }
}
