package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Text of the ledger. A line is <code>{"crc32c":"xxxxxxxx","entry":...}</code>: the CRC32C of the entry's bytes as they stand,
 * eight hexadecimal digits, and the entry. So each line is JSON, and each bit of it is checked.
 */
public final class Ledger {
    private static final String BEFORE_CRC = "{\"crc32c\":\"";
    private static final String BEFORE_ENTRY = "\",\"entry\":";
    private static final String AFTER_ENTRY = "}";
    private static final int ENTRY_START = BEFORE_CRC.length() + 8 + BEFORE_ENTRY.length();

    private Ledger() {
    }

    /** An entry as a line, without the line's end. */
    static String line(ObjectMapper json, LedgerEntry entry) throws IOException {
        String text = json.writeValueAsString(entry);
        return BEFORE_CRC + checksum(text.getBytes(StandardCharsets.UTF_8)) + BEFORE_ENTRY + text + AFTER_ENTRY;
    }

    /**
     * Reads a ledger. A last line that was not written whole, as after a crash, was never committed and is left out.
     *
     * @throws IOException if the file cannot be read, a line is corrupt, or a step is missing, repeated or out of order; names
     *     the line
     */
    public static List<LedgerEntry> read(Path path) throws IOException {
        ObjectReader reader = Json.mapper().readerFor(LedgerEntry.class);
        List<LedgerEntry> entries = new ArrayList<>();
        LineFile.read(path, line -> {
            if (!line.isTorn()) {
                LedgerEntry entry = entry(path, line, reader);
                requireNext(path, line.number(), entries, entry);
                entries.add(entry);
            }
        });
        return entries;
    }

    private static LedgerEntry entry(Path path, LineFile.Line line, ObjectReader reader) throws IOException {
        byte[] bytes = line.bytes();
        int length = bytes.length - ENTRY_START - AFTER_ENTRY.length();
        if (length > 0) {
            byte[] entry = new byte[length];
            System.arraycopy(bytes, ENTRY_START, entry, 0, length);
            String head = BEFORE_CRC + checksum(entry) + BEFORE_ENTRY;
            if (head.equals(new String(bytes, 0, ENTRY_START, StandardCharsets.ISO_8859_1))
                    && bytes[bytes.length - 1] == AFTER_ENTRY.charAt(0)) {
                try {
                    return reader.readValue(entry);
                } catch (JsonProcessingException e) {
                    throw corrupt(path, line.number(), "is not an entry that this version reads: "
                            + e.getOriginalMessage() + "; read it with the version that wrote it", e);
                }
            }
        }
        throw corrupt(path, line.number(),
                "does not match its checksum: the file was changed, or the disk is failing; restore it from a copy",
                null);
    }

    private static void requireNext(Path path, int line, List<LedgerEntry> before, LedgerEntry entry)
            throws IOException {
        if (!before.isEmpty() && entry.step() != before.getLast().step() + 1) {
            throw corrupt(path, line, "commits step " + entry.step() + " after step " + before.getLast().step()
                    + ": lines are missing or doubled; restore it from a copy", null);
        }
    }

    private static IOException corrupt(Path path, int line, String what, Exception cause) {
        return new IOException("ledger " + path.toAbsolutePath().normalize() + " line " + line + " " + what, cause);
    }

    private static String checksum(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return String.format("%08x", crc.getValue());
    }
}
