package io.sparsebalance.policies.batching;

import java.util.List;

/**
 * {@code lbb}: balances the sum of squared lengths, which is what dense attention costs; blind to sparsity. The same seeds and
 * the same search as {@code sab}, so that they differ in what they balance alone.
 */
public final class LengthSquaredBatching implements BatchingPolicy {
    @Override
    public String name() {
        return "lbb";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        return Requests.plan(request, content(request));
    }

    static Content content(BatchRequest request) {
        return Content.balanced(Costs.squared(request.samples()), Requests.numBins(request), request.tokenCap(),
                List.of());
    }
}
