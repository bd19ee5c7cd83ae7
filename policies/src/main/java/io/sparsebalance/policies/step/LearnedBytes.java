package io.sparsebalance.policies.step;

import java.util.Arrays;
import java.util.Base64;

/** {@link Learned} as bytes, for ledgers and messages: at most {@link #MAX_SIZE}. Immutable. */
public final class LearnedBytes {
    /** Some 16 bytes a layer, length band and sampled budget: 36 layers, 8 bands and 8 budgets take 40 KiB. */
    public static final int MAX_SIZE = 64 << 10;
    /** Nothing is known of what was learned. */
    public static final LearnedBytes NONE = new LearnedBytes(new byte[0]);

    private final byte[] bytes;

    /** Takes the array over. */
    private LearnedBytes(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * Copies.
     *
     * @throws IllegalArgumentException if they are more than {@link #MAX_SIZE}
     */
    public static LearnedBytes of(byte[] bytes) {
        if (bytes.length > MAX_SIZE) {
            throw new IllegalArgumentException(
                    "what was learned has " + bytes.length + " bytes, more than the " + MAX_SIZE + " allowed");
        }
        return bytes.length == 0 ? NONE : new LearnedBytes(bytes.clone());
    }

    /**
     * From Base64.
     *
     * @throws IllegalArgumentException if it is not Base64, or too long
     */
    public static LearnedBytes ofText(String text) {
        return of(Base64.getDecoder().decode(text));
    }

    /** As Base64. */
    public String toText() {
        return Base64.getEncoder().encodeToString(bytes);
    }

    /** A copy. */
    public byte[] toByteArray() {
        return bytes.clone();
    }

    /** Number of bytes. */
    public int size() {
        return bytes.length;
    }

    /** Whether nothing is known. */
    public boolean isNone() {
        return bytes.length == 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LearnedBytes learned && Arrays.equals(bytes, learned.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "LearnedBytes[" + bytes.length + ", " + Integer.toHexString(hashCode()) + "]";
    }
}
