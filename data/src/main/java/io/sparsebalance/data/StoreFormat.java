package io.sparsebalance.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/**
 * Layout of a token store, little-endian: a header of {@link #HEADER_BYTES}, the tokens, the sample table (offset, 8 bytes, and
 * length, 4 bytes, of each sample, training first), and the statistics as JSON. The header holds the sizes and a CRC32C of
 * each part and of itself.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record StoreFormat(int vocabulary, long numTokens, long numTrain, long numHeldOut, long statisticsBytes, int tokensCrc,
        int tableCrc, int statisticsCrc, byte[] fingerprint) {
    static final int HEADER_BYTES = 128;
    static final int ENTRY_BYTES = 12;
    static final int FINGERPRINT_BYTES = 32;
    private static final byte[] MAGIC = "SBTOKENS".getBytes(StandardCharsets.US_ASCII);
    private static final int VERSION = 1;
    private static final int TOKEN_BYTES = 1;

    long tableOffset() {
        return HEADER_BYTES + numTokens;
    }

    long statisticsOffset() {
        return tableOffset() + (numTrain + numHeldOut) * ENTRY_BYTES;
    }

    long fileBytes() {
        return statisticsOffset() + statisticsBytes;
    }

    /** The header's bytes. */
    ByteBuffer encode() {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        header.put(MAGIC).putInt(VERSION).putInt(TOKEN_BYTES).putInt(vocabulary).putLong(numTokens).putLong(numTrain)
                .putLong(numHeldOut).putLong(statisticsBytes).putInt(tokensCrc).putInt(tableCrc).putInt(statisticsCrc)
                .put(fingerprint);
        header.putInt(HEADER_BYTES - Integer.BYTES, crc(header.array(), HEADER_BYTES - Integer.BYTES));
        return header.rewind();
    }

    /** Reads a header; the message of the exception says what is wrong with it. */
    static StoreFormat decode(byte[] bytes) {
        ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[MAGIC.length];
        header.get(magic);
        if (!java.util.Arrays.equals(magic, MAGIC)) {
            throw new DataException("it is not a token store");
        }
        int version = header.getInt();
        if (version != VERSION) {
            throw new DataException("its format version is " + version + ", this program reads " + VERSION);
        }
        if (header.getInt(HEADER_BYTES - Integer.BYTES) != crc(bytes, HEADER_BYTES - Integer.BYTES)) {
            throw new DataException("its header does not match its checksum");
        }
        int tokenBytes = header.getInt();
        if (tokenBytes != TOKEN_BYTES) {
            throw new DataException("its tokens have " + tokenBytes + " bytes, this program reads " + TOKEN_BYTES);
        }
        int vocabulary = header.getInt();
        long numTokens = header.getLong();
        long numTrain = header.getLong();
        long numHeldOut = header.getLong();
        long statisticsBytes = header.getLong();
        int tokensCrc = header.getInt();
        int tableCrc = header.getInt();
        int statisticsCrc = header.getInt();
        byte[] fingerprint = new byte[FINGERPRINT_BYTES];
        header.get(fingerprint);
        return new StoreFormat(vocabulary, numTokens, numTrain, numHeldOut, statisticsBytes, tokensCrc, tableCrc,
                statisticsCrc, fingerprint);
    }

    static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }
}
