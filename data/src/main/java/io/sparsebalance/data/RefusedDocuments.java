package io.sparsebalance.data;

/** Documents that were refused because they are too long: all are counted before the error, so that one look tells what to do. */
final class RefusedDocuments {
    private long count;
    private String first;
    private int firstTokens;
    private String longest;
    private int longestTokens;

    void add(String name, int numTokens) {
        if (count == 0) {
            first = name;
            firstTokens = numTokens;
        }
        if (numTokens > longestTokens) {
            longest = name;
            longestTokens = numTokens;
        }
        count++;
    }

    /** @throws DataException if there is any; says how many, the first, the longest, the limit and the keys to change */
    void check(int maxDocumentTokens) {
        if (count == 0) {
            return;
        }
        String found = count == 1
                ? "document " + first + " has " + firstTokens + " tokens"
                : count + " documents are too long: the first is " + first + " with " + firstTokens
                        + " tokens, the longest " + longest + " with " + longestTokens + " tokens";
        throw new DataException(found + ", more than data.max-document-tokens = " + maxDocumentTokens
                + "; raise it to at least " + longestTokens
                + " (and batch.token-cap with it), or set data.long-documents to split or truncate");
    }
}
