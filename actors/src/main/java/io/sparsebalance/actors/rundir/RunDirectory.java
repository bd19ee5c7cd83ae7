package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;

/**
 * What a run leaves behind: {@code config.conf}, {@code run.json}, {@code ledger.jsonl}, {@code metrics.jsonl},
 * {@code checkpoints}, {@code result.json}. Used by one thread at a time.
 */
public final class RunDirectory implements AutoCloseable {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
    private static final int MAX_TRIES = 1000;

    private final Path path;
    private final ObjectMapper json = Json.mapper();
    private final ObjectWriter pretty = json.writerWithDefaultPrettyPrinter();
    private final AppendFile ledger;
    private final AppendFile metrics;

    private RunDirectory(Path path) throws IOException {
        this.path = path;
        this.ledger = new AppendFile(path.resolve("ledger.jsonl"));
        this.metrics = new AppendFile(path.resolve("metrics.jsonl"));
    }

    /**
     * Makes a new directory {@code <run.directory>/<run.name>-<time>} and points {@code latest} to it.
     *
     * @throws IOException if it cannot be made; names it and what to do
     */
    public static RunDirectory create(TrainingConfig config) throws IOException {
        Path parent = config.run().directory();
        try {
            Files.createDirectories(parent);
            Path path = createUnique(parent,
                    config.run().name() + "-" + LocalDateTime.now(ZoneId.systemDefault()).format(TIME));
            Files.createDirectories(path.resolve("checkpoints"));
            Files.writeString(path.resolve("config.conf"), config.text());
            RunDirectory directory = new RunDirectory(path);
            pointLatestTo(parent, path);
            return directory;
        } catch (FileSystemException e) {
            throw new IOException("cannot make a run directory in " + parent.toAbsolutePath() + ": "
                    + e.getClass().getSimpleName() + " "
                    + e.getMessage() + "; set run.directory to a directory that can be written", e);
        }
    }

    private static Path createUnique(Path parent, String name) throws IOException {
        for (int i = 1; i <= MAX_TRIES; i++) {
            try {
                return Files.createDirectory(parent.resolve(i == 1 ? name : name + "-" + i));
            } catch (FileAlreadyExistsException e) {
                if (i == MAX_TRIES) {
                    throw e;
                }
            }
        }
        throw new IllegalStateException("unreachable");
    }

    private static void pointLatestTo(Path parent, Path path) throws IOException {
        Path link = parent.resolve("latest");
        Path temporary = parent.resolve("." + path.getFileName() + ".latest");
        try {
            Files.createSymbolicLink(temporary, path.getFileName());
        } catch (UnsupportedOperationException e) {
            Files.writeString(temporary, path.getFileName() + System.lineSeparator());
        }
        Files.move(temporary, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    /** Where checkpoints go. */
    public Path checkpoints() {
        return path.resolve("checkpoints");
    }

    /** Appends a committed step: the ledger first, since it decides what was committed. */
    public void commit(LedgerEntry entry, StepReport report) throws IOException {
        ledger.line(Ledger.line(json, entry));
        metrics.line(json.writeValueAsString(report));
    }

    /** Makes all that was committed survive a power cut. */
    public void force() throws IOException {
        ledger.force();
        metrics.force();
    }

    /** Writes {@code run.json}. */
    public void writeInfo(RunInfo info) throws IOException {
        write("run.json", pretty.writeValueAsString(info));
    }

    /** Writes {@code result.json}. */
    public void writeResult(TrainingResult result) throws IOException {
        write("result.json", pretty.writeValueAsString(result));
    }

    private void write(String name, String text) throws IOException {
        Path temporary = path.resolve("." + name + ".tmp");
        Files.writeString(temporary, text + "\n");
        Files.move(temporary, path.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public void close() throws IOException {
        try (ledger; metrics) {
            force();
        }
    }
}
