package io.sparsebalance.actors.rundir;

import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The directory of a run of several nodes, on storage that they share. Each coordinator has its term and writes a ledger of its
 * own: {@code ledger.jsonl} that of term 1, {@code ledger.N.jsonl} that of term N.
 *
 * <p>A commit is an entry that was forced to disk before a look at the terms found none newer; only then is anybody told. Whoever
 * takes a new term reads the ledgers after that, so it sees every commit that anybody was told of. Should an older coordinator
 * write one more entry, it sees the new term, tells nobody, and ends; if the new one then commits the same step, its entry counts.
 */
public final class SharedRun {
    private static final Pattern LEDGER = Pattern.compile("ledger(?:\\.(\\d+))?\\.jsonl");
    private static final Pattern CHECKPOINT = Pattern.compile("step-(\\d{8,})");

    private SharedRun() {
    }

    /**
     * A run that was taken over.
     *
     * @param term of the coordinator that took it
     * @param committed what earlier terms committed; what was learned is left out but of the steps at which ranks may begin: those
     *                  with a checkpoint, and the last one
     * @param oldestCheckpoint step of it, 0 for none: no rank begins before it
     * @param newestCheckpoint step of it, 0 for none
     */
    public record Takeover(RunDirectory directory, long term, List<LedgerEntry> committed, long oldestCheckpoint,
            long newestCheckpoint) {}

    /** Where the run of a configuration is kept. */
    public static Path path(TrainingConfig config) {
        return config.run().directory().resolve(config.cluster().run());
    }

    /**
     * Takes a new term, and opens the directory to go on after what is committed; makes it if this is the first term.
     *
     * @param owner who takes it, for people
     * @throws StaleTermException if another coordinator took a later term meanwhile
     * @throws IOException if the directory cannot be used, a ledger is corrupt, or the run has ended
     */
    public static Takeover takeOver(TrainingConfig config, String owner) throws IOException {
        Path path = path(config);
        try {
            Files.createDirectories(path.resolve(RunDirectory.CHECKPOINTS));
        } catch (IOException e) {
            throw WriteFailures.of("make run directory", path, e);
        }
        if (hasEnded(path)) {
            throw new IOException(whyOver(path));
        }
        Terms terms = new Terms(path.resolve("terms"));
        long term = terms.claim(owner);
        List<Long> checkpoints = checkpoints(path.resolve(RunDirectory.CHECKPOINTS));
        long oldest = checkpoints.isEmpty() ? 0 : checkpoints.getFirst();
        List<LedgerEntry> committed = committed(path, checkpoints::contains);
        forceLedgers(path);
        // A later one has read before this one, and may have committed what was read here: this ledger would come before
        // its own and could not go on after it.
        terms.requireNewest(term);
        DurableFiles.write(path.resolve(RunDirectory.CONFIG), config.text());
        RunDirectory directory = RunDirectory.shared(path, terms, term, ledgerName(term),
                committed.isEmpty() ? -1 : committed.getLast().step());
        return new Takeover(directory, term, committed, oldest, checkpoints.isEmpty() ? 0 : checkpoints.getLast());
    }

    /** Whether steps of the run in a directory, which need not exist, are committed already: who starts now joins it. */
    public static boolean hasBegun(Path run) throws IOException {
        if (!Files.isDirectory(run)) {
            return false;
        }
        for (Path ledger : ledgers(run)) {
            if (Files.size(ledger) > 0) {
                return true;
            }
        }
        return false;
    }

    /** Whether the run in a directory, which need not exist, has a result. */
    public static boolean hasEnded(Path run) {
        return Files.exists(run.resolve(RunDirectory.RESULT));
    }

    /** Why a node cannot take part in a run that has ended, in words. */
    public static String whyOver(Path run) {
        return "the run in " + run.toAbsolutePath().normalize()
                + " has ended; start another one under a new cluster.run";
    }

    /** Whether a takeover failed for want of what may come, such as room on the disk: then it may be tried again. */
    public static boolean mayPass(Throwable failure) {
        return WriteFailures.is(failure);
    }

    private static String ledgerName(long term) {
        return term == 1 ? RunDirectory.LEDGER : "ledger." + term + ".jsonl";
    }

    /**
     * All committed steps of a run, of all its terms: an entry of a later term takes the place of those of earlier ones from its
     * step on.
     *
     * @throws IOException as {@link Ledger#read}
     */
    public static List<LedgerEntry> committed(Path run) throws IOException {
        return committed(run, step -> true);
    }

    /** @param learned whether to keep what was learned by a step before the last */
    private static List<LedgerEntry> committed(Path run, LongPredicate learned) throws IOException {
        List<LedgerEntry> entries = new ArrayList<>();
        for (Path ledger : ledgers(run)) {
            for (LedgerEntry entry : Ledger.read(ledger)) {
                while (!entries.isEmpty() && entries.getLast().step() >= entry.step()) {
                    entries.removeLast();
                }
                long expected = entries.isEmpty() ? 1 : entries.getLast().step() + 1;
                if (entry.step() != expected) {
                    throw new IOException("ledger " + ledger.toAbsolutePath().normalize() + " commits step "
                            + entry.step() + ", and nothing holds step " + expected
                            + ": a file is missing; restore it from a copy");
                }
                if (!entries.isEmpty() && !learned.test(entries.getLast().step())) {
                    entries.addLast(entries.removeLast().withoutLearned());
                }
                entries.add(entry);
            }
        }
        return entries;
    }

    /** The ledgers of a run, in the order of their terms. */
    private static List<Path> ledgers(Path run) throws IOException {
        TreeMap<Long, Path> ledgers = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(run)) {
            for (Path file : files) {
                Matcher name = LEDGER.matcher(file.getFileName().toString());
                if (name.matches()) {
                    ledgers.put(name.group(1) == null ? 1 : Long.parseLong(name.group(1)), file);
                }
            }
        }
        return List.copyOf(ledgers.values());
    }

    /**
     * Forces to disk what earlier terms have written, once it is read: an entry can be seen before its writer has forced it, and
     * must not be lost once somebody goes on after it.
     */
    private static void forceLedgers(Path run) throws IOException {
        for (Path ledger : ledgers(run)) {
            try (FileChannel channel = FileChannel.open(ledger, StandardOpenOption.WRITE)) {
                channel.force(true);
            } catch (IOException e) {
                throw WriteFailures.of("force to disk", ledger, e);
            }
        }
    }

    /** Step of the newest checkpoint in a directory, 0 for none. */
    public static long newestCheckpoint(Path checkpoints) throws IOException {
        List<Long> steps = checkpoints(checkpoints);
        return steps.isEmpty() ? 0 : steps.getLast();
    }

    /** Steps of the checkpoints in a directory, ascending. */
    private static List<Long> checkpoints(Path checkpoints) throws IOException {
        TreeSet<Long> steps = new TreeSet<>();
        if (Files.isDirectory(checkpoints)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(checkpoints)) {
                for (Path file : files) {
                    Matcher name = CHECKPOINT.matcher(file.getFileName().toString());
                    if (name.matches()) {
                        steps.add(Long.parseLong(name.group(1)));
                    }
                }
            }
        }
        return List.copyOf(steps);
    }
}
