package io.sparsebalance.data;

/**
 * Where a sample lies in a token store.
 *
 * @param id index of the sample in its split; samples are numbered in store order
 * @param offset first token in the store
 * @param length tokens; a document longer than {@code max-document-tokens} is several samples
 */
public record SampleRef(long id, long offset, int length) {}
