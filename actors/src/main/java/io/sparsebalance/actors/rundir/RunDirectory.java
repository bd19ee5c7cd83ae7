package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Optional;

/**
 * What a run leaves behind: {@code config.conf}, {@code run.json}, {@code ledger.jsonl}, {@code metrics.jsonl},
 * {@code checkpoints}, {@code result.json}. Used by one thread at a time. Every {@link IOException} names the file, why it could
 * not be written, and what to do.
 */
public final class RunDirectory implements AutoCloseable {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
    private static final int MAX_TRIES = 1000;
    private static final String MAKE = "make a run directory in";
    static final String CONFIG = "config.conf";
    static final String LEDGER = "ledger.jsonl";
    static final String METRICS = "metrics.jsonl";
    static final String CHECKPOINTS = "checkpoints";
    static final String RESULT = "result.json";

    private final Path path;
    private final ObjectMapper json = Json.mapper();
    private final ObjectWriter pretty = json.writerWithDefaultPrettyPrinter();
    private final AppendFile ledger;
    private final AppendFile metrics;
    /** Who else may commit, and the term of this one; empty where nobody may. */
    private final Optional<Terms> terms;
    private final long term;
    private long lastStep;
    /** Whether the last step's line of metrics is still to be written. */
    private boolean metricsOwed;

    /** Takes over both files. */
    RunDirectory(Path path, AppendFile ledger, AppendFile metrics) {
        this(path, ledger, metrics, Optional.empty(), 1, -1);
    }

    private RunDirectory(Path path, AppendFile ledger, AppendFile metrics, Optional<Terms> terms, long term,
            long lastStep) {
        this.path = path;
        this.ledger = ledger;
        this.metrics = metrics;
        this.terms = terms;
        this.term = term;
        this.lastStep = lastStep;
    }

    /** The directory of a run of several nodes, for the coordinator of a term. */
    static RunDirectory shared(Path path, Terms terms, long term, String ledgerName, long lastStep)
            throws IOException {
        AppendFile ledger = null;
        try {
            ledger = AppendFile.open(path.resolve(ledgerName));
            AppendFile metrics = AppendFile.open(path.resolve(METRICS));
            metrics.cutTornLine();
            DurableFiles.forceDirectory(path);
            return new RunDirectory(path, ledger, metrics, Optional.of(terms), term, lastStep);
        } catch (IOException e) {
            if (ledger != null) {
                ledger.close();
            }
            throw WriteFailures.of("open the files of", path, e);
        }
    }

    /**
     * Looks whether a run directory can be made, before anything is done that takes long; makes nothing.
     *
     * @throws IOException if it cannot
     */
    public static void requireWritable(TrainingConfig config) throws IOException {
        Path parent = config.run().directory();
        Path existing = parent.toAbsolutePath().normalize();
        while (existing.getParent() != null && !Files.exists(existing)) {
            existing = existing.getParent();
        }
        if (!Files.isDirectory(existing)) {
            throw WriteFailures.of(MAKE, parent, new FileAlreadyExistsException(existing.toString()));
        }
        if (!Files.isWritable(existing)) {
            throw WriteFailures.of(MAKE, parent, new AccessDeniedException(existing.toString()));
        }
    }

    /**
     * Makes a new directory {@code <run.directory>/<run.name>-<time>}, numbered if there is one of this second already, and
     * points {@code latest} to it.
     *
     * @throws IOException if it cannot be made; nothing of it is left then
     */
    public static RunDirectory create(TrainingConfig config) throws IOException {
        Path parent = config.run().directory();
        Path path;
        try {
            Files.createDirectories(parent);
            path = createUnique(parent,
                    config.run().name() + "-" + LocalDateTime.now(ZoneId.systemDefault()).format(TIME));
        } catch (IOException e) {
            throw WriteFailures.of(MAKE, parent, e);
        }
        RunDirectory directory = fill(path, config.text());
        LatestLink.pointTo(path);
        return directory;
    }

    private static Path createUnique(Path parent, String name) throws IOException {
        for (int i = 1; i < MAX_TRIES; i++) {
            Path path = parent.resolve(i == 1 ? name : name + "-" + i);
            if (createNew(path)) {
                return path;
            }
        }
        throw new IOException("there are " + MAX_TRIES + " runs named " + name);
    }

    /** False if there is one already: of another run of this name that started within the same second. */
    private static boolean createNew(Path path) throws IOException {
        try {
            Files.createDirectory(path);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        }
    }

    private static RunDirectory fill(Path path, String config) throws IOException {
        AppendFile ledger = null;
        try {
            DurableFiles.write(path.resolve(CONFIG), config);
            Files.createDirectory(path.resolve(CHECKPOINTS));
            ledger = AppendFile.open(path.resolve(LEDGER));
            RunDirectory directory = new RunDirectory(path, ledger, AppendFile.open(path.resolve(METRICS)));
            DurableFiles.forceDirectory(path);
            return directory;
        } catch (IOException e) {
            IOException failure = WriteFailures.of("make run directory", path, e);
            if (ledger != null) {
                ledger.close();
            }
            DurableFiles.deleteAfter(failure, path.resolve(METRICS), path.resolve(LEDGER), path.resolve(CHECKPOINTS),
                    path.resolve(CONFIG), path);
            throw failure;
        }
    }

    /** The directory. */
    public Path path() {
        return path;
    }

    /** Where checkpoints go. */
    public Path checkpoints() {
        return path.resolve(CHECKPOINTS);
    }

    /**
     * Appends a committed step: the ledger first, since it decides what was committed. What has failed may be tried again with the
     * same arguments, unless a file is abandoned: what was written before it failed is not written twice.
     *
     * @throws IllegalArgumentException if the step does not follow the last one, or entry and report are of different steps
     * @throws StaleTermException if a coordinator of a later term has taken over; nobody may be told of the step
     * @throws AbandonedFileException if a file must not be written to any more; the step is committed if the ledger holds it
     * @throws IOException if a file cannot be written; the step is committed if the ledger holds it
     */
    public void commit(LedgerEntry entry, StepReport report) throws IOException {
        if (entry.step() != report.step()) {
            throw new IllegalArgumentException(
                    "ledger entry of step " + entry.step() + " with the report of step " + report.step());
        }
        boolean inLedger = metricsOwed && entry.step() == lastStep;
        if (!inLedger && lastStep >= 0 && entry.step() != lastStep + 1) {
            throw new IllegalArgumentException("step " + entry.step() + " cannot be committed after step " + lastStep
                    + ": each step is committed once, in order");
        }
        String metricsLine = json.writeValueAsString(report);
        if (!inLedger) {
            ledger.line(Ledger.line(json, entry));
            lastStep = entry.step();
            metricsOwed = true;
        }
        if (terms.isPresent()) {
            // In this order: whoever takes the next term reads the ledger after it has taken it.
            ledger.force();
            requireNewestTerm();
        }
        metrics.line(metricsLine);
        metricsOwed = false;
    }

    /**
     * Looks whether the run is still this one's to commit to, and to end.
     *
     * @throws StaleTermException if a coordinator of a later term has taken over
     */
    public void requireNewestTerm() throws IOException {
        if (terms.isPresent()) {
            terms.get().requireNewest(term);
        }
    }

    /** Makes all that was committed survive a power cut. */
    public void force() throws IOException {
        ledger.force();
        metrics.force();
    }

    /** Writes {@code run.json}, whole or not at all. */
    public void writeInfo(RunInfo info) throws IOException {
        DurableFiles.write(path.resolve("run.json"), pretty.writeValueAsString(info) + "\n");
    }

    /** Writes {@code result.json}, whole or not at all. */
    public void writeResult(TrainingResult result) throws IOException {
        DurableFiles.write(path.resolve(RESULT), pretty.writeValueAsString(result) + "\n");
    }

    /** Forces all to disk and closes it. Safe to call again. */
    @Override
    public void close() throws IOException {
        try (ledger; metrics) {
            if (ledger.isOpen() && metrics.isOpen()) {
                force();
            }
        }
    }
}
