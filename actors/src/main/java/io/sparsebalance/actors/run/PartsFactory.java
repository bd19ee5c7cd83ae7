package io.sparsebalance.actors.run;

import io.sparsebalance.actors.rundir.RunDirectory;
import io.sparsebalance.actors.training.RunParts;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.data.TokenStore;
import io.sparsebalance.policies.workload.Workload;
import java.io.IOException;
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

    /**
     * As {@link #prepare}, of a run that is to be written: what can be known to fail later is not prepared for.
     *
     * @throws IOException if nothing can be written below {@code run.directory}
     */
    default RunParts prepareToWrite(String runId, TrainingConfig config, Consumer<String> progress) throws IOException {
        RunDirectory.requireWritable(config);
        return prepare(runId, config, progress);
    }

    /** The real one. */
    static PartsFactory engine() {
        return new EngineParts(Corpus::ofText, Optional.empty(), false);
    }

    /**
     * The real one, with other samples or other parameters.
     *
     * @param lengths of samples whose tokens are drawn, instead of the configuration's text
     * @param checkpoints directory of checkpoints of a model of the same shape, the newest whole one of which is taken, instead of
     *            initial parameters
     */
    static PartsFactory of(Optional<Workload> lengths, Optional<Path> checkpoints) {
        Corpus.Opener samples = lengths.<Corpus.Opener>map(
                drawn -> (config, progress) -> Corpus.synthetic(drawn, config)).orElse(Corpus::ofText);
        return new EngineParts(samples, checkpoints, false);
    }

    /**
     * The real one, whose replicas go on from a checkpoint of the same run, if there is one.
     *
     * @param checkpoints directory of the run's checkpoints, which need not exist
     */
    static PartsFactory resuming(Path checkpoints) {
        return new EngineParts(Corpus::ofText, Optional.of(checkpoints), true);
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
