package io.sparsebalance.actors.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading a ledger that is whole, torn, or corrupt. */
class LedgerTest {
    private static final int NUM_STEPS = 5;

    @TempDir
    private Path directory;
    private final ObjectMapper json = Json.mapper();
    private final List<LedgerEntry> entries = new ArrayList<>();
    private Path path;

    @BeforeEach
    void writeLedger() throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        path = directory.resolve("ledger.jsonl");
        try (AppendFile file = AppendFile.open(path)) {
            for (int step = 1; step <= NUM_STEPS; step++) {
                LedgerEntry entry = Steps.entry(step, random);
                entries.add(entry);
                file.line(Ledger.line(json, entry));
            }
        }
    }

    @Test
    void readsWhatWasWritten() throws IOException {
        assertThat(Ledger.read(path)).isEqualTo(entries);
    }

    @Test
    void emptyLedgerHasNoEntries() throws IOException {
        assertThat(Ledger.read(Files.createFile(directory.resolve("empty")))).isEmpty();
    }

    @Test
    void everyLineIsJson() throws IOException {
        for (String line : Files.readAllLines(path)) {
            JsonNode tree = json.readTree(line);
            assertThat(tree.get("crc32c").asText()).hasSize(8);
            assertThat(tree.get("entry").get("step").asInt()).isPositive();
        }
    }

    @Test
    void lastLineCutAnywhereIsLeftOut() throws IOException {
        byte[] whole = Files.readAllBytes(path);
        int lastStart = lineStarts(whole).getLast();
        for (int size = lastStart; size < whole.length; size++) {
            Files.write(path, Arrays.copyOf(whole, size));
            assertThat(Ledger.read(path)).as("cut to %d bytes", size).isEqualTo(entries.subList(0, NUM_STEPS - 1));
        }
    }

    @Test
    void lastLineOfZerosIsLeftOut() throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        int lastStart = lineStarts(bytes).getLast();
        Arrays.fill(bytes, lastStart + 20, bytes.length - 1, (byte) 0);
        Files.write(path, bytes);
        assertThat(Ledger.read(path)).hasSize(NUM_STEPS - 1);
        Arrays.fill(bytes, lastStart, bytes.length, (byte) 0);
        Files.write(path, bytes);
        assertThat(Ledger.read(path)).hasSize(NUM_STEPS - 1);
    }

    @Test
    void anyChangedByteIsRefusedWithItsLine() throws IOException {
        byte[] whole = Files.readAllBytes(path);
        List<Integer> starts = lineStarts(whole);
        for (int line = 0; line < starts.size(); line++) {
            int end = line + 1 < starts.size() ? starts.get(line + 1) : whole.length;
            for (int at = starts.get(line); at < end - 1; at += 5) {
                byte[] bytes = whole.clone();
                bytes[at] ^= 1;
                // A changed byte that is now a line end makes two lines of one: still the same line number.
                Files.write(path, bytes);
                String name = "line " + (line + 1) + " does not match its checksum";
                assertThatThrownBy(() -> Ledger.read(path)).as("byte %d", at).isInstanceOf(IOException.class)
                        .hasMessageContaining(name).hasMessageContaining(path.toString());
            }
        }
    }

    @Test
    void missingAndRepeatedStepsAreRefused() throws IOException {
        List<String> lines = Files.readAllLines(path);
        Files.write(path, List.of(lines.get(0), lines.get(2)));
        assertThatThrownBy(() -> Ledger.read(path)).hasMessageContaining("line 2 commits step 3 after step 1");
        Files.write(path, List.of(lines.get(0), lines.get(0)));
        assertThatThrownBy(() -> Ledger.read(path)).hasMessageContaining("line 2 commits step 1 after step 1");
    }

    @Test
    void blankLineIsRefused() throws IOException {
        Files.writeString(path, "\n" + Files.readString(path));
        assertThatThrownBy(() -> Ledger.read(path)).hasMessageContaining("line 1 ");
    }

    @Test
    void entryOfUnequalPartsIsRefused() {
        assertThatThrownBy(
                () -> new LedgerEntry("r", 1, 1, 4, 0, 1, List.of(List.of(1L)), List.of(), List.of(), 1, 1, "", 0))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("step 4");
    }

    private static List<Integer> lineStarts(byte[] bytes) {
        List<Integer> starts = new ArrayList<>(List.of(0));
        for (int i = 0; i < bytes.length - 1; i++) {
            if (bytes[i] == '\n') {
                starts.add(i + 1);
            }
        }
        return starts;
    }
}
