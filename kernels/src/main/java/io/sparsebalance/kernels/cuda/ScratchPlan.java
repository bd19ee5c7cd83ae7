package io.sparsebalance.kernels.cuda;

/** Lays several pieces out in one piece of {@link Scratch}. */
final class ScratchPlan {
    private static final long ALIGNMENT = 256;

    private long bytes;

    /** Adds a piece; returns its offset. */
    long add(long size) {
        long at = bytes;
        bytes += Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
        return at;
    }

    /** Bytes of all pieces, at least some. */
    long bytes() {
        return Math.max(ALIGNMENT, bytes);
    }
}
