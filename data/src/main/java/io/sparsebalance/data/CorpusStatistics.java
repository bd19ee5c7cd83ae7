package io.sparsebalance.data;

/**
 * What was found while a token store was built; kept inside it.
 *
 * @param documents taken
 * @param bytes of them
 * @param skippedBinary files with a NUL byte near their start
 * @param skippedShort documents of fewer than two tokens, which predict nothing
 * @param splitDocuments that became several samples
 * @param truncatedDocuments that lost their end
 * @param droppedTokens ends of one token, left by splitting, or cut by truncation
 * @param replacedUtf8 documents with bytes that were replaced
 * @param p50 median sample length in tokens, and further percentiles
 */
public record CorpusStatistics(long documents, long bytes, long skippedBinary, long skippedShort, long splitDocuments,
        long truncatedDocuments, long droppedTokens, long replacedUtf8, long trainSamples, long trainTokens,
        long heldOutSamples, long heldOutTokens, int p50, int p90, int p99, int max) {
    /** What became of documents that were too long, to append to a line; empty if there was none. */
    String longDocuments() {
        StringBuilder text = new StringBuilder();
        if (splitDocuments > 0) {
            text.append("; ").append(splitDocuments).append(" longer documents were split");
        }
        if (truncatedDocuments > 0) {
            text.append("; ").append(truncatedDocuments).append(" longer documents lost their end");
        }
        return droppedTokens > 0
                ? text.append(" (").append(droppedTokens).append(" tokens dropped)").toString()
                : text.toString();
    }
}
