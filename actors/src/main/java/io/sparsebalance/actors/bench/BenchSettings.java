package io.sparsebalance.actors.bench;

import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.policies.workload.Workload;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What is compared.
 *
 * @param config of model, data, budgets and feedback; {@code run.ranks} is the number of devices
 * @param arms names as {@code batching/sparsity}
 * @param numRanks ranks that work is balanced over: the devices, or any number on one device in turns
 * @param steps of each arm, warm-up included
 * @param warmUp first steps that are left out
 * @param lengths of samples whose tokens are drawn, instead of the configuration's text; steps and samples a step are the
 *            configuration's
 * @param checkpoints directory of checkpoints that every arm begins from, instead of initial parameters
 * @param takeOver whether an idle rank takes over what waits for another, as in a run; without it an arm is judged by its plans alone
 * @param timeMultiplexed whether the ranks' micro-batches run one after the other on one device
 */
public record BenchSettings(TrainingConfig config, List<String> arms, int numRanks, int steps, int warmUp,
        Optional<Workload> lengths, Optional<Path> checkpoints, boolean takeOver,
        boolean timeMultiplexed) {
    /** Copies and checks. */
    public BenchSettings {
        arms = List.copyOf(arms);
        if (steps <= warmUp || warmUp < 0) {
            throw new IllegalArgumentException("steps " + steps + " must be more than the warm-up's " + warmUp);
        }
        int width = config.batch().lookaheadWindow();
        if (steps % width != 0 || warmUp % width != 0) {
            throw new IllegalArgumentException("steps " + steps + " and warm-up " + warmUp + " must be multiples of"
                    + " batch.lookahead-window " + width + ", or the arms would not see the same samples");
        }
        int devices = config.run().ranks();
        if (timeMultiplexed ? devices != 1 : devices != numRanks) {
            throw new IllegalArgumentException(
                    numRanks + " ranks on " + devices + " devices; time-multiplexed ranks share one, others have their"
                            + " own");
        }
    }

    /**
     * Whether all arms take turns on one replica: drawn tokens have no losses to compare, and ranks in turns need one device
     * only.
     */
    public boolean sharesReplica() {
        return timeMultiplexed && lengths.isPresent();
    }
}
