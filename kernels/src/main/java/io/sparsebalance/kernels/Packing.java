package io.sparsebalance.kernels;

import java.util.List;

/**
 * Where the documents of a packed micro-batch lie: document i holds the tokens {@code start(i)} to {@code start(i + 1)}.
 * Documents never attend to each other.
 */
public final class Packing {
    private final int[] starts;

    private Packing(int[] starts) {
        this.starts = starts;
    }

    /** From the documents' lengths in tokens, each at least 1. */
    public static Packing ofLengths(List<Integer> lengths) {
        int[] starts = new int[lengths.size() + 1];
        for (int i = 0; i < lengths.size(); i++) {
            if (lengths.get(i) < 1) {
                throw new IllegalArgumentException(
                        "document " + i + " has length " + lengths.get(i) + ", must be at least 1");
            }
            starts[i + 1] = Math.addExact(starts[i], lengths.get(i));
        }
        return new Packing(starts);
    }

    /** Number of documents. */
    public int numDocuments() {
        return starts.length - 1;
    }

    /** Tokens of all documents, T. */
    public int numTokens() {
        return starts[starts.length - 1];
    }

    /** First token of a document; {@code start(numDocuments())} is T. */
    public int start(int document) {
        return starts[document];
    }

    /** Tokens of a document. */
    public int length(int document) {
        return starts[document + 1] - starts[document];
    }

    /** (query, key) pairs with key at or before query, over all documents, for one head. */
    public long causalPairs() {
        long pairs = 0;
        for (int i = 0; i < numDocuments(); i++) {
            pairs += (long) length(i) * (length(i) + 1) / 2;
        }
        return pairs;
    }
}
