package io.sparsebalance.policies.batching;

import io.sparsebalance.policies.cost.LatencyModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code sab}: balances predicted sparse latency. Samples go into micro-batches of equal predicted time whatever the number of
 * ranks, largest first and then by bounded local search; micro-batches go onto ranks with the ranks' speeds.
 */
public final class SparsityAwareBatching implements BatchingPolicy {
    @Override
    public String name() {
        return "sab";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        int numBins = Placement.numBins(request);
        Map<Integer, Double> byLength = new HashMap<>();
        List<Bins.Item> items = Placement.byFallingCost(request.samples(),
                sample -> byLength.computeIfAbsent(sample.length(), length -> sampleSeconds(request, length)));
        Bins bins = Placement.largestFirst(items, numBins, request.tokenCap());
        LocalSearch.improve(bins);
        List<List<Sample>> microBatches = bins.result();
        List<Double> costs = new ArrayList<>();
        for (List<Sample> microBatch : microBatches) {
            costs.add(request.latency().microBatchSeconds(microBatch.stream().map(Sample::length).toList(),
                    request.baseBudgets()));
        }
        return new BatchPlan(microBatches, Placement.assign(costs, request.rankSpeeds()));
    }

    private static double sampleSeconds(BatchRequest request, int length) {
        LatencyModel latency = request.latency();
        double seconds = latency.linearSeconds(length);
        for (int budget : request.baseBudgets().byLayer()) {
            seconds += latency.attentionSeconds(length, budget);
        }
        return seconds;
    }
}
