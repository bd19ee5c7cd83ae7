package io.sparsebalance.data;

/** What happens to a document with more tokens than a sample may have. */
public enum LongDocuments {
    /** It becomes several samples, one after the other. */
    SPLIT,
    /** It keeps its beginning. */
    TRUNCATE,
    /** It is refused: all text is read, then an error counts such documents and names the first and the longest. */
    REFUSE
}
