package io.sparsebalance.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenStoreTest {
    private static final StoreSettings SETTINGS = new StoreSettings(1000, LongDocuments.SPLIT, 1 << 20,
            InvalidUtf8.REFUSE, 0.2);

    @TempDir
    Path directory;
    private Path texts;
    private Path cache;

    @BeforeEach
    void makeDirectories() throws IOException {
        texts = Files.createDirectory(directory.resolve("texts"));
        cache = directory.resolve("cache");
    }

    @Test
    void aDirectoryBecomesSamplesWithItsDocumentsLengths() throws IOException {
        Files.writeString(texts.resolve("b.txt"), "second document");
        Files.writeString(texts.resolve("a.txt"), "first");
        Files.createDirectories(texts.resolve("sub"));
        Files.writeString(texts.resolve("sub").resolve("c.txt"), "x".repeat(2501));
        Files.writeString(texts.resolve("one.txt"), "x");
        Files.write(texts.resolve("picture.bin"), new byte[]{1, 0, 2});
        Files.writeString(texts.resolve(".hidden"), "not read");
        try (TokenStore store = open(SETTINGS)) {
            CorpusStatistics found = store.statistics();
            assertThat(found.documents()).isEqualTo(3);
            assertThat(found.skippedBinary()).isEqualTo(1);
            assertThat(found.skippedShort()).isEqualTo(1);
            assertThat(found.splitDocuments()).isEqualTo(1);
            assertThat(found.trainTokens() + found.heldOutTokens()).isEqualTo(5 + 15 + 2501);
            assertThat(found.max()).isEqualTo(1000);
            assertThat(allTexts(store)).contains("first", "second document", "x".repeat(501));
            assertThat(store.numSamples(TokenSource.Split.HELD_OUT)).isPositive();
            assertThat(store.numSamples(TokenSource.Split.TRAIN)).isPositive();
        }
    }

    @Test
    void theSameTextGivesTheSameFingerprintAndIsBuiltOnce() throws IOException {
        Files.writeString(texts.resolve("a.txt"), "some text");
        Files.writeString(texts.resolve("b.txt"), "other text");
        List<String> progress = new ArrayList<>();
        String fingerprint;
        try (TokenStore store = Corpora.open(DocumentSources.of(texts), SETTINGS, cache, progress::add)) {
            fingerprint = store.fingerprint();
        }
        assertThat(progress).anyMatch(line -> line.contains("building"));
        progress.clear();
        try (TokenStore store = Corpora.open(DocumentSources.of(texts), SETTINGS, cache, progress::add)) {
            assertThat(store.fingerprint()).isEqualTo(fingerprint);
        }
        assertThat(progress).isEmpty();
        Files.writeString(texts.resolve("b.txt"), "changed and longer text");
        try (TokenStore store = Corpora.open(DocumentSources.of(texts), SETTINGS, cache, progress::add)) {
            assertThat(store.fingerprint()).isNotEqualTo(fingerprint);
        }
    }

    @Test
    void archivesAndJsonLinesAreRead() throws IOException {
        Path zip = directory.resolve("texts.zip");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
            for (String name : List.of("b/two.txt", "a/one.txt")) {
                out.putNextEntry(new ZipEntry(name));
                out.write(("text of " + name).getBytes(StandardCharsets.UTF_8));
                out.closeEntry();
            }
        }
        try (TokenStore store = Corpora.open(DocumentSources.of(zip), SETTINGS, cache, line -> {})) {
            assertThat(allTexts(store)).containsExactlyInAnyOrder("text of a/one.txt", "text of b/two.txt");
        }
        Path lines = directory.resolve("texts.jsonl");
        Files.writeString(lines, "{\"text\":\"gr\\u00fcn\"}\n\n{\"id\":1,\"text\":\"zwei\"}");
        try (TokenStore store = Corpora.open(DocumentSources.of(lines), SETTINGS, cache, line -> {})) {
            assertThat(allTexts(store)).containsExactlyInAnyOrder("grün", "zwei");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"text\":1}", "{\"txt\":\"a\"}", "not json"})
    void aBadLineIsNamed(String line) throws IOException {
        Path lines = directory.resolve("bad.jsonl");
        Files.writeString(lines, "{\"text\":\"good\"}\n" + line + "\n");
        assertThatThrownBy(() -> Corpora.open(DocumentSources.of(lines), SETTINGS, cache, text -> {}))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("bad.jsonl line 2").hasMessageContaining("text");
    }

    @Test
    void bytesThatAreNotUtf8AreRefusedOrReplaced() throws IOException {
        Files.write(texts.resolve("latin.txt"), new byte[]{'a', 'b', (byte) 0xe9, 'c'});
        Files.writeString(texts.resolve("good.txt"), "good");
        assertThatThrownBy(() -> open(SETTINGS)).hasMessageContaining("latin.txt").hasMessageContaining("byte 2")
                .hasMessageContaining("data.invalid-utf8");
        assertThat(cache).isEmptyDirectory();
        try (TokenStore store = open(new StoreSettings(1000, LongDocuments.SPLIT, 1 << 20, InvalidUtf8.REPLACE, 0))) {
            assertThat(store.statistics().replacedUtf8()).isEqualTo(1);
            assertThat(allTexts(store)).contains("ab\uFFFDc");
        }
    }

    @Test
    void longAndHugeDocumentsFollowTheSettings() throws IOException {
        Files.writeString(texts.resolve("long.txt"), "y".repeat(2001));
        assertThatThrownBy(() -> open(new StoreSettings(1000, LongDocuments.REFUSE, 1 << 20, InvalidUtf8.REFUSE, 0)))
                .hasMessageContaining("long.txt").hasMessageContaining("2001")
                .hasMessageContaining("data.max-document-tokens = 1000")
                .hasMessageContaining("data.long-documents to split or truncate");
        Files.writeString(texts.resolve("longer.txt"), "y".repeat(3001));
        assertThatThrownBy(() -> open(new StoreSettings(1000, LongDocuments.REFUSE, 1 << 20, InvalidUtf8.REFUSE, 0)))
                .hasMessageContaining("2 documents").hasMessageContaining("long.txt with 2001")
                .hasMessageContaining("longer.txt with 3001").hasMessageContaining("at least 3001");
        assertThat(cache).isEmptyDirectory();
        Files.delete(texts.resolve("longer.txt"));
        try (TokenStore store = open(new StoreSettings(1000, LongDocuments.TRUNCATE, 1 << 20, InvalidUtf8.REFUSE, 0))) {
            assertThat(store.statistics().droppedTokens()).isEqualTo(1001);
        }
        try (TokenStore store = open(new StoreSettings(1000, LongDocuments.SPLIT, 1 << 20, InvalidUtf8.REFUSE, 0))) {
            assertThat(store.statistics().droppedTokens()).isEqualTo(1);
            assertThat(store.numSamples(TokenSource.Split.TRAIN)).isEqualTo(2);
        }
        Files.write(texts.resolve("huge.txt"), new byte[20 << 20]);
        assertThatThrownBy(() -> open(new StoreSettings(1000, LongDocuments.SPLIT, 16 << 20, InvalidUtf8.REFUSE, 0)))
                .hasMessageContaining("huge.txt").hasMessageContaining("data.max-document-bytes");
    }

    @Test
    void nothingToReadIsNamed() throws IOException {
        assertThatThrownBy(() -> open(SETTINGS)).hasMessageContaining("no document")
                .hasMessageContaining(texts.toString());
        assertThatThrownBy(() -> DocumentSources.of(directory.resolve("missing"))).hasMessageContaining("missing");
        Path broken = directory.resolve("broken.zip");
        Files.writeString(broken, "not a zip");
        assertThatThrownBy(() -> Corpora.open(DocumentSources.of(broken), SETTINGS, cache, line -> {}))
                .hasMessageContaining("broken.zip");
    }

    /** Reading it is an input/output error for every user, also for one whom no permission stops. */
    @Test
    void aFileThatCannotBeReadIsNamed() throws IOException {
        Path unreadable = Path.of("/proc/self/mem");
        org.junit.jupiter.api.Assumptions.assumeTrue(Files.exists(unreadable), "this system has no /proc/self/mem");
        Files.createSymbolicLink(texts.resolve("damaged.txt"), unreadable);
        assertThatThrownBy(() -> open(SETTINGS)).isInstanceOf(DataException.class)
                .hasMessageContaining("cannot read").hasMessageContaining("damaged.txt")
                .hasMessageContaining("may be read");
        assertThat(cache).isEmptyDirectory();
    }

    @Test
    void everyWrongByteOfAStoreIsFound() throws IOException {
        Files.writeString(texts.resolve("a.txt"), "some text for the store");
        Files.writeString(texts.resolve("b.txt"), "more text for the store");
        open(SETTINGS).close();
        Path file;
        try (Stream<Path> files = Files.list(cache)) {
            file = files.findFirst().orElseThrow();
        }
        byte[] good = Files.readAllBytes(file);
        for (int i = 0; i < good.length; i++) {
            // The unused bytes of the header are covered by its checksum as well.
            byte[] bad = good.clone();
            bad[i] ^= 4;
            Files.write(file, bad);
            assertThatThrownBy(() -> TokenStore.open(file)).as("byte %s", i).isInstanceOf(DataException.class)
                    .hasMessageContaining(file.toString()).hasMessageContaining("delete the file");
        }
        for (int length : new int[]{0, 50, good.length - 1}) {
            Files.write(file, java.util.Arrays.copyOf(good, length));
            assertThatThrownBy(() -> TokenStore.open(file)).hasMessageContaining("corrupt");
        }
    }

    @Test
    void aFullDiskIsNamedAndNothingIsLeft() throws IOException {
        Path full = Path.of("/dev/full");
        org.junit.jupiter.api.Assumptions.assumeTrue(Files.isWritable(full), "this system has no /dev/full");
        Files.writeString(texts.resolve("a.txt"), "z".repeat(3 << 20).substring(0, 1 << 20));
        Files.writeString(texts.resolve("b.txt"), "w".repeat(1 << 20));
        assertThatThrownBy(() -> Corpora.open(DocumentSources.of(texts), SETTINGS, cache, line -> {},
                file -> FileChannel.open(full, StandardOpenOption.WRITE))).isInstanceOf(DataException.class)
                .hasMessageContaining("No space left").hasMessageContaining("data.cache-directory");
        assertThat(cache).isEmptyDirectory();
    }

    @Test
    void theDefaultCorpusIsTheJdksSourcesOrSourceJars() throws IOException {
        Path jdk = Files.createDirectories(directory.resolve("jdk/lib")).getParent();
        Path maven = Files.createDirectories(directory.resolve("m2/org/x/1"));
        assertThatThrownBy(() -> DefaultCorpus.find(jdk, directory.resolve("m2")))
                .hasMessageContaining("mvn dependency:sources");
        zip(maven.resolve("x-1-sources.jar"), "X.java", "class X {}");
        assertThat(DefaultCorpus.find(jdk, directory.resolve("m2")).description()).contains("x-1-sources.jar");
        zip(jdk.resolve("lib/src.zip"), "Y.java", "class Y {}");
        assertThat(DefaultCorpus.find(jdk, directory.resolve("m2")).description()).contains("src.zip");
    }

    private static void zip(Path file, String name, String text) throws IOException {
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file))) {
            out.putNextEntry(new ZipEntry(name));
            out.write(text.getBytes(StandardCharsets.UTF_8));
            out.closeEntry();
        }
    }

    private TokenStore open(StoreSettings settings) {
        return Corpora.open(DocumentSources.of(texts), settings, cache, line -> {});
    }

    private static List<String> allTexts(TokenStore store) {
        List<String> texts = new ArrayList<>();
        for (TokenSource.Split split : TokenSource.Split.values()) {
            for (long i = 0; i < store.numSamples(split); i++) {
                SampleRef sample = store.sample(split, i);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment memory = arena.allocate(ValueLayout.JAVA_INT, sample.length());
                    store.copyTokens(sample, memory, 0);
                    byte[] bytes = new byte[sample.length()];
                    for (int t = 0; t < bytes.length; t++) {
                        bytes[t] = (byte) memory.getAtIndex(ValueLayout.JAVA_INT, t);
                    }
                    texts.add(new String(bytes, StandardCharsets.UTF_8));
                }
            }
        }
        return texts;
    }
}
