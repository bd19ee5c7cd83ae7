package io.sparsebalance.api;

/**
 * Told of a run's progress, one call at a time, on a thread of the run: return quickly. An exception thrown by a listener
 * is logged and does not stop the run.
 */
public interface TrainingListener {
    /** Work before the first step (building the token store, calibrating), a sentence for people. */
    default void onPreparing(String what) {
    }

    /** All is ready; the first step follows. */
    default void onStarted(RunInfo info) {
    }

    /** A step was committed. */
    default void onStep(StepReport report) {
    }

    /** A checkpoint was written. */
    default void onCheckpoint(long step, java.nio.file.Path directory) {
    }

    /** The run ended: all steps done, or stopped. Not called after a failure. */
    default void onFinished(TrainingResult result) {
    }

    /** The run failed. */
    default void onFailed(Throwable cause) {
    }
}
