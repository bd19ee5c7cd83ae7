package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Text of the ledger: a line is the CRC32C of an entry in hexadecimal, a space, and the entry as JSON. */
public final class Ledger {
    private static final int CRC_DIGITS = 8;

    private Ledger() {
    }

    static String line(ObjectMapper json, LedgerEntry entry) throws IOException {
        String text = json.writeValueAsString(entry);
        return checksum(text) + " " + text;
    }

    /**
     * Reads a ledger. A last line that was cut short, as by a crash, is left out.
     *
     * @throws IOException if the file cannot be read, or another line is corrupt; names the line
     */
    public static List<LedgerEntry> read(Path path) throws IOException {
        ObjectMapper json = Json.mapper();
        List<String> lines = Files.readAllLines(path, StandardCharsets.UTF_8);
        List<LedgerEntry> entries = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (line.length() <= CRC_DIGITS || !line.startsWith(checksum(line.substring(CRC_DIGITS + 1)))) {
                if (i == lines.size() - 1) {
                    break;
                }
                throw new IOException("ledger " + path + " line " + (i + 1)
                        + " does not match its checksum; the file was changed or the"
                        + " disk is failing: restore it from a copy");
            }
            entries.add(json.readValue(line.substring(CRC_DIGITS + 1), LedgerEntry.class));
        }
        return entries;
    }

    private static String checksum(String text) {
        CRC32C crc = new CRC32C();
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return String.format("%08x", crc.getValue());
    }
}
