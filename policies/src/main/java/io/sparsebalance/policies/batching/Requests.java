package io.sparsebalance.policies.batching;

import io.sparsebalance.policies.Numbers;
import java.util.Arrays;

/** What every policy asks of its request. */
final class Requests {
    private Requests() {
    }

    /**
     * Bins to start with: the asked number, no more than samples, and enough for the token cap.
     *
     * @throws InfeasibleBatchException if there is no sample, or one is longer than the cap
     */
    static int numBins(BatchRequest request) {
        if (request.samples().isEmpty()) {
            throw new InfeasibleBatchException("the global batch is empty; batch.samples-per-step must be at least 1");
        }
        long tokens = 0;
        for (Sample sample : request.samples()) {
            if (sample.length() > request.tokenCap()) {
                throw new InfeasibleBatchException("sample " + sample.id() + " has " + sample.length()
                        + " tokens and fits no micro-batch of batch.token-cap = " + request.tokenCap()
                        + "; raise the cap or lower data.max-document-tokens");
            }
            tokens += sample.length();
        }
        int asked = Math.min(request.numMicroBatches(), request.samples().size());
        return (int) Math.max(asked, Math.ceilDiv(tokens, (long) request.tokenCap()));
    }

    static double[] speeds(BatchRequest request) {
        return Numbers.doubles(request.rankSpeeds());
    }

    /** The plan of a balanced content, its micro-batches spread over the request's ranks. */
    static BatchPlan plan(BatchRequest request, Content content) {
        int[] rankOf = Assignment.assign(content.partition().seconds(), speeds(request),
                content.groupsFor(request.numRanks()));
        return new BatchPlan(content.partition().samples(request.samples()),
                Arrays.stream(rankOf).boxed().toList());
    }
}
