package io.sparsebalance.actors.wire;

/** What a message may declare. Bytes that declare more are refused before anything is allocated for them. */
final class WireLimits {
    /** Bytes of a message: three quarters of what Artery takes in a frame, which holds addresses and manifest too. */
    static final int MAX_MESSAGE_BYTES = 192 << 10;
    /** Bytes of a text in UTF-8. */
    static final int MAX_TEXT_BYTES = 16 << 10;
    /** Elements of a list. */
    static final int MAX_ELEMENTS = 1 << 16;
    /** Records inside records. */
    static final int MAX_DEPTH = 16;

    private WireLimits() {
    }
}
