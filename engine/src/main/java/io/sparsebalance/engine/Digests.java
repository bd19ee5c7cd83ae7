package io.sparsebalance.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Checksums of tensors' bytes as they lie in memory. */
final class Digests {
    /** Bytes handled at once: a whole number of pages that stays in the second-level cache. */
    static final int CHUNK_BYTES = 1 << 18;

    private Digests() {
    }

    /** A fresh SHA-256. */
    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this JVM has no SHA-256, which every Java platform must have", e);
        }
    }

    /** Adds all bytes of {@code memory} to a digest. */
    static void update(MessageDigest digest, MemorySegment memory) {
        byte[] chunk = new byte[CHUNK_BYTES];
        for (long done = 0; done < memory.byteSize(); done += CHUNK_BYTES) {
            int count = (int) Math.min(CHUNK_BYTES, memory.byteSize() - done);
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, done, chunk, 0, count);
            digest.update(chunk, 0, count);
        }
    }
}
