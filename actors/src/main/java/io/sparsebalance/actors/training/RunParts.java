package io.sparsebalance.actors.training;

import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.SampleOrder;
import io.sparsebalance.data.TokenSource;
import io.sparsebalance.policies.cost.LatencyModel;

/**
 * What a run is put together from. Closing it closes the token source; workers are closed by their ranks.
 *
 * @param info all that is known before the ranks are up; the number of parameters is filled in later
 */
public record RunParts(TrainingConfig config, RunInfo info, TokenSource tokens, SampleOrder order, LatencyModel latency,
        RankWorkerFactory workers) implements AutoCloseable {
    @Override
    public void close() {
        tokens.close();
    }
}
