package io.sparsebalance.data;

/** Turns the UTF-8 bytes of a document into token numbers. Safe for use by many threads. */
public interface Tokenizer {
    /** Identifies the tokenizer and its version in a store's fingerprint. */
    String name();

    /** Number of different tokens. */
    int vocabulary();

    /** Tokens as unsigned bytes; the only width that stores have so far. */
    byte[] encode(byte[] utf8);
}
