package io.sparsebalance.actors.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The run directory, on a good disk and on bad ones. */
class RunDirectoryTest {
    private final SplittableRandom random = new SplittableRandom(31);

    @TempDir
    private Path root;

    private TrainingConfig config(Path directory) {
        return TrainingConfigs.defaults(List.of("run.directory=" + directory, "run.name=trial"));
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void createMakesTheDirectoryWithTheConfigurationAsResolved() throws IOException {
        Path runs = root.resolve("some/where/runs");
        TrainingConfig config = config(runs);
        try (RunDirectory directory = RunDirectory.create(config)) {
            assertThat(directory.path().getParent()).isEqualTo(runs);
            assertThat(directory.path().getFileName().toString()).matches("trial-\\d{8}-\\d{6}");
            assertThat(names(directory.path())).containsExactly("checkpoints", "config.conf", "ledger.jsonl",
                    "metrics.jsonl");
            assertThat(directory.checkpoints()).isEmptyDirectory();
            TrainingConfig again = TrainingConfigs.load(directory.path().resolve("config.conf"), List.of());
            assertThat(again.run()).isEqualTo(config.run());
        }
    }

    @Test
    void runsOfTheSameSecondGetDirectoriesOfTheirOwn() throws IOException {
        Set<Path> paths = new HashSet<>();
        for (int i = 0; i < 5; i++) {
            try (RunDirectory directory = RunDirectory.create(config(root))) {
                paths.add(directory.path());
            }
        }
        assertThat(paths).hasSize(5);
    }

    @Test
    void latestIsARelativeLinkToTheNewestRun() throws IOException {
        for (int i = 0; i < 2; i++) {
            try (RunDirectory directory = RunDirectory.create(config(root))) {
                Path link = Files.readSymbolicLink(root.resolve("latest"));
                assertThat(link).isEqualTo(directory.path().getFileName());
                assertThat(root.resolve("latest/config.conf")).exists();
            }
        }
        assertThat(names(root)).hasSize(3).noneMatch(name -> name.startsWith("."));
    }

    @Test
    void directoryNamedLatestIsLeftAloneAndTheRunGoesOn() throws IOException {
        Files.createDirectories(root.resolve("latest/precious"));
        try (RunDirectory directory = RunDirectory.create(config(root))) {
            assertThat(directory.path()).isDirectory();
        }
        assertThat(root.resolve("latest/precious")).isDirectory();
        assertThat(Files.isSymbolicLink(root.resolve("latest"))).isFalse();
        assertThat(names(root)).hasSize(2);
    }

    @Test
    void textFileNamedLatestIsReplaced() throws IOException {
        Files.writeString(root.resolve("latest"), "older-run\n");
        RunDirectory.create(config(root)).close();
        assertThat(Files.exists(root.resolve("latest"), LinkOption.NOFOLLOW_LINKS)).isTrue();
        assertThat(root.resolve("latest")).isDirectory();
    }

    @Test
    void committedStepsAreInLedgerAndMetrics() throws IOException {
        List<LedgerEntry> entries = new ArrayList<>();
        List<StepReport> reports = new ArrayList<>();
        RunDirectory directory = RunDirectory.create(config(root));
        try (directory) {
            for (int step = 1; step <= 4; step++) {
                entries.add(Steps.entry(step, random));
                reports.add(Steps.report(step, random));
                directory.commit(entries.getLast(), reports.getLast());
                directory.force();
            }
        }
        directory.close();
        assertThat(Ledger.read(directory.path().resolve("ledger.jsonl"))).isEqualTo(entries);
        assertThat(MetricsReader.read(directory.path().resolve("metrics.jsonl"))).isEqualTo(reports);
    }

    @Test
    void stepIsCommittedOnceAndInOrder() throws IOException {
        try (RunDirectory directory = RunDirectory.create(config(root))) {
            directory.commit(Steps.entry(7, random), Steps.report(7, random));
            for (long step : new long[]{6, 7, 9}) {
                assertThatThrownBy(() -> directory.commit(Steps.entry(step, random), Steps.report(step, random)))
                        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("step " + step);
            }
            assertThatThrownBy(() -> directory.commit(Steps.entry(8, random), Steps.report(9, random)))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(Ledger.read(directory.path().resolve("ledger.jsonl"))).hasSize(1);
        }
    }

    @Test
    void infoAndResultAreWrittenWholeAndReplaced() throws IOException {
        try (RunDirectory directory = RunDirectory.create(config(root))) {
            RunInfo info = new RunInfo("id", directory.path(), 9, 2, 1, 2, 3, 4, "f", "cpu", "c",
                    new RunInfo.Documents(9, 100, 1, 0, 0, 0, 0));
            TrainingResult result = new TrainingResult(directory.path(), 9, false, 2, OptionalDouble.of(2.5), 1, 0.5, 3,
                    4, "d", 0);
            for (int i = 0; i < 2; i++) {
                directory.writeInfo(info);
                directory.writeResult(result);
            }
            Path path = directory.path();
            assertThat(Json.mapper().readValue(path.resolve("run.json").toFile(), RunInfo.class)).isEqualTo(info);
            assertThat(Json.mapper().readValue(path.resolve("result.json").toFile(), TrainingResult.class))
                    .isEqualTo(result);
            assertThat(names(path)).noneMatch(name -> name.startsWith("."));
        }
    }

    @Test
    void runDirectoryThatIsAFileIsRefusedWithPathAndRemedy() throws IOException {
        Path file = Files.createFile(root.resolve("runs"));
        assertThatThrownBy(() -> RunDirectory.create(config(file))).isInstanceOf(IOException.class)
                .hasMessageContaining("cannot make a run directory in " + file)
                .hasMessageContaining("not a directory").hasMessageContaining("run.directory");
        assertThatThrownBy(() -> RunDirectory.create(config(file.resolve("below")))).isInstanceOf(IOException.class)
                .hasMessageContaining("cannot make a run directory in").hasMessageContaining("run.directory");
    }

    @Test
    void readOnlyFileSystemIsRefusedWithPathAndRemedy() {
        // Nothing can be made here, not even by root.
        Path readOnly = Path.of("/proc/self");
        Assumptions.assumeTrue(Files.isDirectory(readOnly));
        assertThatThrownBy(() -> RunDirectory.create(config(readOnly.resolve("runs")))).isInstanceOf(IOException.class)
                .hasMessageContaining("cannot make a run directory in /proc/self/runs")
                .hasMessageContaining("run.directory");
    }

    @Test
    void fullDiskFailsTheCommitWithFileAndRemedy() throws IOException {
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.exists(full));
        Path ledger = root.resolve("ledger.jsonl");
        Path metrics = Files.createSymbolicLink(root.resolve("metrics.jsonl"), full);
        try (AppendFile ledgerFile = AppendFile.open(ledger); AppendFile metricsFile = open(metrics)) {
            // Not closed as a whole: a device cannot be forced to disk.
            @SuppressWarnings("resource")
            RunDirectory directory = new RunDirectory(root, ledgerFile, metricsFile);
            assertThatThrownBy(() -> directory.commit(Steps.entry(1, random), Steps.report(1, random)))
                    .isInstanceOf(IOException.class).hasMessageContaining("cannot write " + metrics)
                    .hasMessageContaining("No space left on device").hasMessageContaining("make room on the disk");
        }
        assertThat(Ledger.read(ledger)).hasSize(1);
    }

    @Test
    void aCommitThatFailedForWantOfRoomIsTriedAgainAndWritesNothingTwice() throws IOException {
        Path ledger = root.resolve("ledger.jsonl");
        Path metrics = root.resolve("metrics.jsonl");
        LedgerEntry entry = Steps.entry(1, random);
        StepReport report = Steps.report(1, random);
        FailingChannel ledgerRoom = new FailingChannel(channel(ledger), 10);
        FailingChannel metricsRoom = new FailingChannel(channel(metrics), 10);
        try (RunDirectory directory = new RunDirectory(root, new AppendFile(ledger, ledgerRoom),
                new AppendFile(metrics, metricsRoom))) {
            assertThatThrownBy(() -> directory.commit(entry, report)).hasMessageContaining("cannot write " + ledger);
            ledgerRoom.room(Integer.MAX_VALUE);
            assertThatThrownBy(() -> directory.commit(entry, report)).hasMessageContaining("cannot write " + metrics);
            metricsRoom.room(Integer.MAX_VALUE);
            directory.commit(entry, report);
            assertThatThrownBy(() -> directory.commit(entry, report)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(Ledger.read(ledger)).containsExactly(entry);
        assertThat(MetricsReader.read(metrics)).containsExactly(report);
    }

    @Test
    void whatCannotBeForcedOrCutOffIsAbandoned() throws IOException {
        Path path = root.resolve("ledger.jsonl");
        try (AppendFile file = new AppendFile(path, new FailingChannel(channel(path), 10).broken())) {
            assertThatThrownBy(() -> file.line("more than ten")).isInstanceOf(AbandonedFileException.class)
                    .hasMessageContaining("cannot write " + path);
            assertThatThrownBy(file::force).isInstanceOf(AbandonedFileException.class)
                    .hasMessageContaining("cannot force to disk " + path);
        }
    }

    private static FileChannel channel(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
    }

    private static AppendFile open(Path path) throws IOException {
        return new AppendFile(path, FileChannel.open(path, StandardOpenOption.WRITE));
    }

    @Test
    void lineThatDoesNotFitIsCutOffAgain() throws IOException {
        Path path = root.resolve("ledger.jsonl");
        String line = Ledger.line(Json.mapper(), Steps.entry(1, random));
        for (int room = line.length() + 1; room < 2 * line.length() + 1; room += 17) {
            Files.deleteIfExists(path);
            FileChannel real = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                    StandardOpenOption.APPEND);
            try (AppendFile file = new AppendFile(path, new FailingChannel(real, room))) {
                file.line(line);
                assertThatThrownBy(() -> file.line(line)).isInstanceOf(IOException.class)
                        .hasMessageContaining("cannot write " + path).hasMessageContaining("No space left");
            }
            assertThat(Files.readString(path)).as("room for %d bytes", room).isEqualTo(line + "\n");
        }
    }

    @Test
    void closedFileIsNamed() throws IOException {
        RunDirectory directory = RunDirectory.create(config(root));
        directory.close();
        assertThatThrownBy(() -> directory.commit(Steps.entry(1, random), Steps.report(1, random)))
                .isInstanceOf(IOException.class).hasMessageContaining("ledger.jsonl").hasMessageContaining("closed");
    }
}
