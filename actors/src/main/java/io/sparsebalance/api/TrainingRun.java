package io.sparsebalance.api;

import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** A run in progress. Safe for use by many threads. */
public interface TrainingRun extends AutoCloseable {
    /**
     * Completes when the run has ended and everything it held is released; with a {@link TrainingFailedException} if it
     * failed.
     */
    CompletionStage<TrainingResult> result();

    /** The last committed step. */
    Optional<StepReport> progress();

    /** Asks the run to finish its step, write a checkpoint, and end. Returns at once; {@link #result()} tells when. */
    void stop();

    /** Stops and waits, then releases all: no thread, file or native memory is left. Safe to call again. */
    @Override
    void close();
}
