package io.sparsebalance.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Checks that bytes are UTF-8. */
final class Utf8 {
    private static final int CHARACTERS = 8192;

    private Utf8() {
    }

    /** Place of the first byte that is not UTF-8, or -1. */
    static long firstInvalid(byte[] bytes) {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(CHARACTERS);
        while (true) {
            CoderResult result = decoder.decode(in, out, true);
            if (result.isError()) {
                return in.position();
            }
            if (result.isUnderflow()) {
                return -1;
            }
            out.clear();
        }
    }

    /** Refuses bytes that are not UTF-8. */
    static void check(String name, byte[] bytes) {
        long at = firstInvalid(bytes);
        if (at >= 0) {
            throw new DataException("document " + name + " is not UTF-8: byte " + at + " is 0x"
                    + Integer.toHexString(bytes[(int) at] & 0xff) + "; convert it, or set data.invalid-utf8 = replace");
        }
    }
}
