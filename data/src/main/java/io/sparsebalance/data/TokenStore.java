package io.sparsebalance.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/** A memory-mapped token store, verified when it is opened. Safe for use by many threads until it is closed. */
public final class TokenStore implements TokenSource {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long CHECK_BYTES = 1L << 30;

    private final Arena arena;
    private final MemorySegment file;
    private final StoreFormat format;
    private final CorpusStatistics statistics;

    private TokenStore(Arena arena, MemorySegment file, StoreFormat format, CorpusStatistics statistics) {
        this.arena = arena;
        this.file = file;
        this.format = format;
        this.statistics = statistics;
    }

    /**
     * Opens and verifies a store.
     *
     * @throws DataException if it cannot be read or any byte of it is wrong; names the file to delete
     */
    @SuppressWarnings("MustBeClosed") // the store closes the arena, or this method does when it fails
    public static TokenStore open(Path path) {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < StoreFormat.HEADER_BYTES) {
                throw new DataException("it has " + size + " bytes, less than a header");
            }
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
            byte[] header = file.asSlice(0, StoreFormat.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
            StoreFormat format = StoreFormat.decode(header);
            if (size != format.fileBytes()) {
                throw new DataException("it has " + size + " bytes, its header says " + format.fileBytes());
            }
            verify(file, "tokens", StoreFormat.HEADER_BYTES, format.numTokens(), format.tokensCrc());
            verify(file, "sample table", format.tableOffset(), format.statisticsOffset() - format.tableOffset(),
                    format.tableCrc());
            verify(file, "statistics", format.statisticsOffset(), format.statisticsBytes(), format.statisticsCrc());
            byte[] json = file.asSlice(format.statisticsOffset(), format.statisticsBytes())
                    .toArray(ValueLayout.JAVA_BYTE);
            return new TokenStore(arena, file, format, new ObjectMapper().readValue(json, CorpusStatistics.class));
        } catch (IOException e) {
            arena.close();
            throw new DataException(
                    "cannot read token store " + path + ": " + DocumentSources.reason(e) + "; check that it may be"
                            + " read, or delete it: it is built again",
                    e);
        } catch (DataException e) {
            arena.close();
            throw new DataException(
                    "token store " + path + " is corrupt: " + e.getMessage() + "; delete the file: it is built again",
                    e);
        }
    }

    private static void verify(MemorySegment file, String part, long offset, long bytes, int expected) {
        CRC32C crc = new CRC32C();
        for (long at = 0; at < bytes; at += CHECK_BYTES) {
            crc.update(file.asSlice(offset + at, Math.min(CHECK_BYTES, bytes - at)).asByteBuffer());
        }
        if ((int) crc.getValue() != expected) {
            throw new DataException("its " + part + " do not match their checksum");
        }
    }

    /** What was found while the store was built. */
    public CorpusStatistics statistics() {
        return statistics;
    }

    @Override
    public String fingerprint() {
        return HexFormat.of().formatHex(format.fingerprint());
    }

    @Override
    public int vocabulary() {
        return format.vocabulary();
    }

    @Override
    public long numSamples(Split split) {
        return split == Split.TRAIN ? format.numTrain() : format.numHeldOut();
    }

    @Override
    public SampleRef sample(Split split, long index) {
        if (index < 0 || index >= numSamples(split)) {
            throw new IndexOutOfBoundsException("sample " + index + " of " + numSamples(split) + " in " + split);
        }
        long entry = format.tableOffset()
                + (split == Split.TRAIN ? index : format.numTrain() + index) * StoreFormat.ENTRY_BYTES;
        return new SampleRef(index, file.get(LONG, entry), file.get(INT, entry + Long.BYTES));
    }

    @Override
    public void copyTokens(SampleRef sample, MemorySegment target, long targetIndex) {
        long from = StoreFormat.HEADER_BYTES + sample.offset();
        if (sample.offset() < 0 || sample.offset() + sample.length() > format.numTokens()) {
            throw new IndexOutOfBoundsException(sample + " leaves the store's " + format.numTokens() + " tokens");
        }
        for (int i = 0; i < sample.length(); i++) {
            target.setAtIndex(ValueLayout.JAVA_INT, targetIndex + i, file.get(ValueLayout.JAVA_BYTE, from + i) & 0xff);
        }
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
