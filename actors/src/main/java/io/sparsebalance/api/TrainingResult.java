package io.sparsebalance.api;

import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * How a run ended; {@code result.json} of the run directory is this record as JSON.
 *
 * @param steps committed
 * @param stopped true if it was asked to stop before its last step
 * @param finalLoss of the last step
 * @param heldOutLoss last evaluation
 * @param meanImbalance mean over the steps after the first tenth of those planned, or over all if none came after it
 * @param tokensPerSecond over the whole run
 * @param seconds from the first grant to the end
 * @param digest SHA-256 of parameters and moments
 * @param leakedTensors leak counter after all devices were closed; 0
 */
public record TrainingResult(Path directory, long steps, boolean stopped, double finalLoss, OptionalDouble heldOutLoss,
        double meanImbalance, double meanDensity, double tokensPerSecond, double seconds, String digest,
        long leakedTensors) {}
