package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.AttentionShape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints: what is read back, and what happens when disk or bytes are not what they should be. */
class CheckpointTest {
    private static final ModelConfig MODEL = Replica.tinyModel(true, false, false);
    private static final int[] BUDGETS = {2, 3};

    @TempDir
    private Path directory;
    private Replica writer;
    private Replica reader;

    @BeforeEach
    void open() {
        writer = new Replica(MODEL);
        reader = new Replica(MODEL);
    }

    @AfterEach
    void close() {
        writer.close();
        reader.close();
    }

    @Test
    void aCheckpointBringsBackEveryBitAndTheNextStepIsTheSame() throws IOException {
        train(1, 2);
        Path saved = writer.trainer().saveCheckpoint(directory, 2);
        assertThat(saved).isEqualTo(directory.resolve("step-00000002"));
        assertThat(names(saved)).containsExactlyInAnyOrder("parameters.bin", "first-moment.bin", "second-moment.bin",
                "manifest.json");
        assertThat(Files.readString(directory.resolve("latest"))).isEqualTo("step-00000002\n");
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(2);
        assertThat(reader.trainer().digest()).isEqualTo(writer.trainer().digest());
        assertThat(reader.trainer().parameterChecksum()).isEqualTo(writer.trainer().parameterChecksum());
        train(3, 3);
        reader.step(reader.batch(documents(3)), BUDGETS, 3);
        assertThat(reader.trainer().digest()).isEqualTo(writer.trainer().digest());
    }

    @Test
    void theManifestDescribesShapeFilesAndWeights() throws IOException {
        Path saved = writer.trainer().saveCheckpoint(directory, 12);
        String json = Files.readString(saved.resolve("manifest.json"));
        assertThat(json).contains("\"formatVersion\" : 1", "\"step\" : 12", "\"model.hidden\" : \"24\"",
                "\"name\" : \"layers.1.attention.k-norm\"", "\"byteOrder\" : \"LITTLE_ENDIAN\"");
    }

    @Test
    void theNewestTwoAreKept() throws IOException {
        for (int step = 1; step <= 4; step++) {
            train(step, step);
            writer.trainer().saveCheckpoint(directory, step);
        }
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000003", "step-00000004", "latest");
    }

    @Test
    void aDamagedOneIsNotCountedAmongThem() throws IOException {
        saveTwo();
        Files.write(directory.resolve("step-00000020/parameters.bin"), new byte[]{1, 2, 3});
        writer.trainer().saveCheckpoint(directory, 30);
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000010", "step-00000030", "latest");
        writer.trainer().saveCheckpoint(directory, 40);
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000030", "step-00000040", "latest");
    }

    /** The writer has seen it whole, and need not read it again if it is as it was; but it is not. */
    @Test
    void aWrongBitInOneIsFoundBeforeTheOneBeforeItIsDeleted() throws IOException {
        saveTwo();
        Path file = directory.resolve("step-00000020/parameters.bin");
        byte[] bytes = Files.readAllBytes(file);
        bytes[1] ^= 1;
        Files.write(file, bytes);
        // Clocks of files may tick more seldom than this test writes.
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(1)));
        writer.trainer().saveCheckpoint(directory, 30);
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000010", "step-00000030", "latest");
    }

    @Test
    void savingAStepAgainReplacesIt() throws IOException {
        train(1, 1);
        writer.trainer().saveCheckpoint(directory, 5);
        train(2, 2);
        writer.trainer().saveCheckpoint(directory, 5);
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(5);
        assertThat(reader.trainer().digest()).isEqualTo(writer.trainer().digest());
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000005", "latest");
    }

    @ParameterizedTest
    @ValueSource(strings = {"parameters.bin", "first-moment.bin", "second-moment.bin", "manifest.json"})
    void aFlippedByteIsRefusedAndThePreviousCheckpointUsed(String file) throws IOException {
        String expected = saveTwo();
        Path damaged = directory.resolve("step-00000020").resolve(file);
        try (RandomAccessFile bytes = new RandomAccessFile(damaged.toFile(), "rw")) {
            long position = file.endsWith(".json") ? Files.readString(damaged).indexOf("\"step\" : 20") + 9 : 1001;
            bytes.seek(position);
            int value = bytes.read();
            bytes.seek(position);
            bytes.write(value ^ 1);
        }
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(10);
        assertThat(reader.trainer().digest()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"parameters.bin", "first-moment.bin", "manifest.json"})
    void aTruncatedFileIsRefusedAndThePreviousCheckpointUsed(String file) throws IOException {
        String expected = saveTwo();
        Path damaged = directory.resolve("step-00000020").resolve(file);
        try (FileChannel channel = FileChannel.open(damaged, StandardOpenOption.WRITE)) {
            channel.truncate(channel.size() - 4);
        }
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(10);
        assertThat(reader.trainer().digest()).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"second-moment.bin", "manifest.json"})
    void aMissingFileIsRefusedAndThePreviousCheckpointUsed(String file) throws IOException {
        String expected = saveTwo();
        Files.delete(directory.resolve("step-00000020").resolve(file));
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(10);
        assertThat(reader.trainer().digest()).isEqualTo(expected);
    }

    @Test
    void whenNoneIsWholeTheReasonsAreGivenAndNothingChanges() throws IOException {
        saveTwo();
        Files.delete(directory.resolve("step-00000010/manifest.json"));
        Files.write(directory.resolve("step-00000020/parameters.bin"), new byte[]{1, 2, 3});
        String before = reader.trainer().digest();
        assertThatThrownBy(() -> reader.trainer().loadCheckpoint(directory)).isInstanceOf(IOException.class)
                .hasMessageContaining(directory.toString()).hasMessageContaining("manifest.json is missing")
                .hasMessageContaining("parameters.bin is damaged: it has 3 bytes instead of");
        assertThat(reader.trainer().digest()).isEqualTo(before);
    }

    @Test
    void anEmptyOrMissingDirectoryIsNamed() {
        assertThatThrownBy(() -> reader.trainer().loadCheckpoint(directory)).isInstanceOf(IOException.class)
                .hasMessageContaining("there is none");
        assertThatThrownBy(() -> reader.trainer().loadCheckpoint(directory.resolve("absent")))
                .isInstanceOf(IOException.class).hasMessageContaining("absent");
    }

    @Test
    void aCheckpointOfAnotherShapeIsRefusedWithTheKeysThatDiffer() throws IOException {
        writer.trainer().saveCheckpoint(directory, 1);
        AttentionShape attention = new AttentionShape(4, 2, 16, 32, 16, 0, 0);
        ModelConfig other = new ModelConfig(23, 2, 32, 40, attention, 10_000, 1e-5f, true, false, false);
        try (Replica different = new Replica(other)) {
            assertThatThrownBy(() -> different.trainer().loadCheckpoint(directory)).isInstanceOf(IOException.class)
                    .hasMessageContaining("model.hidden is 24 there and 32 here")
                    .hasMessageContaining("model.head-size is 8 there and 16 here")
                    .hasMessageNotContaining("model.layers");
        }
    }

    @Test
    void aNewerFormatIsRefusedWithItsVersion() throws IOException {
        Path manifest = writer.trainer().saveCheckpoint(directory, 1).resolve("manifest.json");
        Files.writeString(manifest,
                Files.readString(manifest).replace("\"formatVersion\" : 1", "\"formatVersion\" : 7"));
        assertThatThrownBy(() -> reader.trainer().loadCheckpoint(directory)).isInstanceOf(IOException.class)
                .hasMessageContaining("format version 7 is newer than 1");
    }

    @Test
    void aFullDiskIsNamedTheTemporaryRemovedAndEarlierCheckpointsStay() throws IOException {
        assumeTrue(Files.exists(Path.of("/dev/full")), "this system has no /dev/full");
        train(1, 1);
        writer.trainer().saveCheckpoint(directory, 1);
        String expected = writer.trainer().digest();
        train(2, 2);
        CheckpointWriter.FileOpener fullDisk = path -> FileChannel.open(
                path.endsWith("second-moment.bin") ? Path.of("/dev/full") : path, StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        assertThatThrownBy(() -> writer.trainer().checkpointWriter(fullDisk).write(directory, 2))
                .isInstanceOf(IOException.class).hasMessageContaining(directory.toString())
                .hasMessageContaining("No space left on device").hasMessageContaining("Free space there");
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000001", "latest");
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(1);
        assertThat(reader.trainer().digest()).isEqualTo(expected);
    }

    @Test
    void leftoversOfAWriterThatDiedAreIgnoredAndThenRemoved() throws IOException {
        String expected = saveTwo();
        Path leftover = Files.createDirectories(directory.resolve(".step-00000030.tmp"));
        Files.writeString(leftover.resolve("parameters.bin"), "half");
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(20);
        assertThat(reader.trainer().digest()).isEqualTo(writer.trainer().digest()).isNotEqualTo(expected);
        writer.trainer().saveCheckpoint(directory, 30);
        assertThat(names(directory)).containsExactlyInAnyOrder("step-00000020", "step-00000030", "latest");
    }

    @Test
    void aDamagedLatestFileFallsBackToTheNewest() throws IOException {
        saveTwo();
        for (String content : List.of("", "step-00000099\n", "../../elsewhere")) {
            Files.writeString(directory.resolve("latest"), content);
            assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(20);
        }
        Files.delete(directory.resolve("latest"));
        assertThat(reader.trainer().loadCheckpoint(directory)).isEqualTo(20);
    }

    /** Saves steps 10 and 20, which differ; returns the digest of step 10. */
    private String saveTwo() throws IOException {
        train(1, 1);
        writer.trainer().saveCheckpoint(directory, 10);
        String first = writer.trainer().digest();
        train(2, 2);
        writer.trainer().saveCheckpoint(directory, 20);
        return first;
    }

    private void train(long from, long to) {
        for (long step = from; step <= to; step++) {
            writer.step(writer.batch(documents(step)), BUDGETS, step);
        }
    }

    private static int[][] documents(long step) {
        return Replica.documents(step, MODEL.vocabulary(), 60, 20);
    }

    private static List<String> names(Path parent) throws IOException {
        try (Stream<Path> entries = Files.list(parent)) {
            return entries.map(path -> path.getFileName().toString()).toList();
        }
    }
}
