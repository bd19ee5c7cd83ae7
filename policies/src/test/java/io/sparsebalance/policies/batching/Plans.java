package io.sparsebalance.policies.batching;

import java.util.Arrays;
import java.util.List;

/** What plans are predicted to take. */
final class Plans {
    private Plans() {
    }

    /** Predicted seconds of each rank. */
    static double[] busy(BatchRequest request, BatchPlan plan) {
        double[] busy = new double[request.numRanks()];
        for (int i = 0; i < plan.microBatches().size(); i++) {
            int rank = plan.rankOf().get(i);
            busy[rank] += request.rankSpeeds().get(rank) * seconds(request, plan.microBatches().get(i));
        }
        return busy;
    }

    /** Predicted seconds of a micro-batch on a rank without slowdown. */
    static double seconds(BatchRequest request, List<Sample> microBatch) {
        return request.latency().microBatchSeconds(microBatch.stream().map(Sample::length).toList(),
                request.baseBudgets());
    }

    static double slowest(BatchRequest request, BatchPlan plan) {
        return Arrays.stream(busy(request, plan)).max().orElseThrow();
    }

    static double imbalance(BatchRequest request, BatchPlan plan) {
        return slowest(request, plan) / Arrays.stream(busy(request, plan)).average().orElseThrow();
    }

    /** No plan takes less: the mean over ranks without slowdown, and the longest sample. */
    static double bound(BatchRequest request, BatchPlan plan) {
        double mean = Arrays.stream(busy(request, plan)).average().orElseThrow();
        return request.samples().stream().mapToDouble(sample -> seconds(request, List.of(sample))).reduce(mean,
                Math::max);
    }
}
