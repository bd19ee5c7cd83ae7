package io.sparsebalance.data;

/** What happens to bytes that are not UTF-8. */
public enum InvalidUtf8 {
    /** An error names file and offset. */
    REFUSE,
    /** They become U+FFFD, and the document is counted. */
    REPLACE
}
