package io.sparsebalance.actors.run;

import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.TokenStore;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;

/** Prepares a run; the seam at which tests put other workers in. */
@FunctionalInterface
public interface PartsFactory {
    /**
     * Prepares; blocks, possibly for minutes.
     *
     * @param progress is told what is done, in sentences
     */
    RunParts prepare(String runId, TrainingConfig config, Consumer<String> progress);

    /** The real one. */
    static PartsFactory engine() {
        return new EngineParts(Optional.empty(), false);
    }

    /**
     * The real one, whose replicas begin from a checkpoint.
     *
     * @param checkpoints directory of checkpoints of a model of the same shape; the newest whole one is taken
     */
    static PartsFactory from(Path checkpoints) {
        return new EngineParts(Optional.of(checkpoints), false);
    }

    /**
     * The real one, whose replicas go on from a checkpoint of the same run, if there is one.
     *
     * @param checkpoints directory of the run's checkpoints, which need not exist
     */
    static PartsFactory resuming(Path checkpoints) {
        return new EngineParts(Optional.of(checkpoints), true);
    }

    /**
     * Only the corpus of a configuration, its token store built if it is not there; the caller closes it.
     *
     * @param progress is told what is done, in sentences
     */
    static TokenStore corpus(TrainingConfig config, Consumer<String> progress) {
        return EngineParts.openCorpus(config, progress);
    }
}
