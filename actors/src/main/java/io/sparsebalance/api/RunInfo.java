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
 * @param documents what became of the documents of the data set
 */
public record RunInfo(String runId, Path directory, int steps, int ranks, long numParameters, long numSamples,
        long numTokens, long numHeldOutSamples, String dataFingerprint, String device, String calibration,
        Documents documents) {
    /**
     * What became of the documents of the data set; none was refused, or the run would not have begun.
     *
     * @param numDocuments that samples were made of
     * @param maxTokens most tokens of a sample, {@code data.max-document-tokens}
     * @param numSplit longer, and made into several samples
     * @param numTruncated longer, and without their end now
     * @param numDroppedTokens lost by truncation, or ends of one token left by splitting
     * @param numSkippedShort of fewer than two tokens
     * @param numSkippedBinary files that are not text
     */
    public record Documents(long numDocuments, int maxTokens, long numSplit, long numTruncated, long numDroppedTokens,
            long numSkippedShort, long numSkippedBinary) {}
}
