package io.sparsebalance.actors.protocol.simulation;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.LearnedBytes;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The storage that all nodes share, with the files of a run directory: terms, a ledger for each of them, checkpoints. What is not
 * forced to disk is lost, whole or in part, when its writer goes down.
 */
final class VirtualDisk {
    private final World world;
    private final Map<Long, List<Line>> ledgers = new TreeMap<>();
    private final TreeMap<Long, Long> checkpoints = new TreeMap<>();
    /** Checkpoints whose names are not on disk yet. */
    private final Set<Long> unforcedNames = new HashSet<>();
    private long newestTerm;
    private boolean full;
    private boolean forceFails;
    private long version;

    /**
     * A ledger entry.
     *
     * @param samples numbers of the step's samples, ascending
     * @param budgets of each micro-batch
     * @param learned by the balancer up to this step
     * @param skipped steps in a row that changed nothing
     */
    record Entry(long term, long step, long checksum, List<Long> samples, List<Budgets> budgets,
            LearnedBytes learned, int skipped) {
        Entry {
            samples = List.copyOf(samples);
            budgets = List.copyOf(budgets);
        }
    }

    /** A line of a ledger. */
    private static final class Line {
        private final Entry entry;
        private boolean forced;

        Line(Entry entry) {
            this.entry = entry;
        }
    }

    VirtualDisk(World world) {
        this.world = world;
    }

    void full(boolean isFull) {
        full = isFull;
    }

    /** The next force fails. */
    void failForce() {
        forceFails = true;
    }

    /** Whether a force is still to fail. */
    boolean isForceFailing() {
        return forceFails;
    }

    void repair() {
        full = false;
        forceFails = false;
    }

    /** Changes with what is written. */
    long version() {
        return version;
    }

    /** Takes the next term, durably. */
    long claim() throws IOException {
        requireSpace();
        newestTerm++;
        ledgers.put(newestTerm, new ArrayList<>());
        return newestTerm;
    }

    long newestTerm() {
        return newestTerm;
    }

    private void requireSpace() throws IOException {
        if (full) {
            throw new IOException("no space left on device");
        }
    }

    void append(long term, Entry entry) throws IOException {
        requireSpace();
        ledgers.get(term).add(new Line(entry));
        version++;
    }

    void force(long term) throws IOException {
        if (forceFails) {
            forceFails = false;
            throw new IOException("input/output error while forcing to disk");
        }
        ledgers.get(term).forEach(line -> line.forced = true);
        version++;
    }

    /** Forces what earlier terms have written, so far as this node can see it. */
    void forceBefore(long term) {
        if (world.knobs().cachedWrites()) {
            ledgers.forEach((other, lines) -> {
                if (other < term) {
                    lines.forEach(line -> line.forced = true);
                }
            });
            version++;
        }
    }

    /** All committed steps, as a node of this term sees them. */
    List<Entry> committed(long term) {
        return merge(term, world.knobs().cachedWrites());
    }

    /** What is left of the committed steps whatever happens now. */
    List<Entry> durable() {
        return merge(Long.MAX_VALUE, false);
    }

    private List<Entry> merge(long reader, boolean alsoUnforced) {
        List<Entry> entries = new ArrayList<>();
        ledgers.forEach((term, lines) -> {
            for (Line line : lines) {
                if (!line.forced && !alsoUnforced && term != reader) {
                    continue;
                }
                while (!entries.isEmpty() && entries.getLast().step() >= line.entry.step()) {
                    entries.removeLast();
                }
                long expected = entries.isEmpty() ? 1 : entries.getLast().step() + 1;
                if (line.entry.step() != expected) {
                    throw new Violation("I3", "ledger of term " + term + " commits step " + line.entry.step()
                            + ", and nothing holds step " + expected);
                }
                entries.add(line.entry);
            }
        });
        return entries;
    }

    /** Step of the newest checkpoint, 0 for none. */
    long newestCheckpoint() {
        return checkpoints.isEmpty() ? 0 : checkpoints.lastKey();
    }

    /** Parameters in a checkpoint. */
    long checkpoint(long step) {
        return checkpoints.get(step);
    }

    /** Writes a checkpoint under a temporary name, and forces it. */
    void writeTemporary() throws IOException {
        requireSpace();
    }

    /** Gives a checkpoint its name. */
    void rename(long step, long parameters) {
        if (checkpoints.put(step, parameters) == null) {
            unforcedNames.add(step);
        }
    }

    /** Forces the names of checkpoints. */
    void forceNames() {
        unforcedNames.clear();
    }

    /** The writer of a term's ledger goes down. */
    void writerDown(long term) {
        if (!world.knobs().cachedWrites() && ledgers.containsKey(term)) {
            lose(ledgers.get(term));
        }
    }

    /** A node goes down that may have been writing a checkpoint. */
    void checkpointWriterDown() {
        if (!world.knobs().cachedWrites()) {
            loseNames();
        }
    }

    /** All go down. */
    void powerCut() {
        ledgers.values().forEach(this::lose);
        loseNames();
    }

    private void loseNames() {
        for (long step : unforcedNames.stream().sorted().toList()) {
            if (world.chance(0.5)) {
                checkpoints.remove(step);
                world.fired(FaultKind.DISK_LOST_WRITES);
            }
        }
        unforcedNames.clear();
    }

    /** What was not forced is kept, lost, or ends in half a line, which readers leave out. */
    private void lose(List<Line> lines) {
        while (!lines.isEmpty() && !lines.getLast().forced) {
            if (world.chance(0.3)) {
                lines.forEach(line -> line.forced = true);
                return;
            }
            lines.removeLast();
            world.fired(world.chance(0.5) ? FaultKind.DISK_LOST_WRITES : FaultKind.DISK_TORN_TAIL);
            version++;
        }
    }
}
