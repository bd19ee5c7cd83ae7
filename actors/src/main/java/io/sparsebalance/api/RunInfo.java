package io.sparsebalance.api;

import java.nio.file.Path;

/**
 * What a run is about to do; {@code run.json} of the run directory is this record as JSON.
 *
 * @param runId unique
 * @param directory of this run
 * @param numParameters of the model
 * @param numSamples training samples in an epoch
 * @param numTokens training tokens in an epoch
 * @param numHeldOutSamples never trained on
 * @param dataFingerprint of the token store
 * @param device one line
 * @param calibration one line: how the latency table was got, and its error on this device
 */
public record RunInfo(String runId, Path directory, int steps, int ranks, long numParameters, long numSamples,
        long numTokens, long numHeldOutSamples, String dataFingerprint, String device, String calibration) {}
