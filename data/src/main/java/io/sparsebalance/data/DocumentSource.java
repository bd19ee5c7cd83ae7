package io.sparsebalance.data;

/** Documents in a fixed order. */
public interface DocumentSource {
    /** Where the text is, for people. */
    String description();

    /** Changes when the text may have changed: paths, sizes and times of what is read. Cheap compared with reading. */
    String identity();

    /**
     * Reads all documents, one after the other.
     *
     * @throws DataException if something cannot be read; names it
     */
    void read(StoreSettings settings, Sink sink);

    /** Takes documents. */
    interface Sink {
        /**
         * One document.
         *
         * @param name file, entry or line, for errors
         * @param bytes as found; the sink may keep them
         */
        void document(String name, byte[] bytes);

        /** One file that is not text. */
        void binary(String name);
    }
}
