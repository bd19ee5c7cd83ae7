package io.sparsebalance.data;

/**
 * How documents become samples.
 *
 * @param maxDocumentTokens most tokens of a sample, at least 2
 * @param longDocuments what happens to longer documents
 * @param maxDocumentBytes a larger document is refused whatever {@code longDocuments} says: it is held in memory whole
 * @param invalidUtf8 what happens to bytes that are not UTF-8
 * @param heldOutFraction share of documents never trained on, 0 to below 1
 */
public record StoreSettings(int maxDocumentTokens, LongDocuments longDocuments, long maxDocumentBytes,
        InvalidUtf8 invalidUtf8, double heldOutFraction) {
    /** Checks the ranges. */
    public StoreSettings {
        if (maxDocumentTokens < 2) {
            throw new IllegalArgumentException(
                    "data.max-document-tokens is " + maxDocumentTokens + ", must be at least 2");
        }
        if (maxDocumentBytes < 1) {
            throw new IllegalArgumentException(
                    "data.max-document-bytes is " + maxDocumentBytes + ", must be at least 1");
        }
        if (!(heldOutFraction >= 0 && heldOutFraction < 1)) {
            throw new IllegalArgumentException(
                    "data.held-out-fraction is " + heldOutFraction + ", must be 0 to below 1");
        }
    }
}
