package io.sparsebalance.app.chaos;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What was seen of a run, with the times at which it was seen. Safe for use by many threads. */
final class RunWatch {
    private static final Pattern STEP = Pattern.compile("(?:ends after|, from) step (\\d+)");

    private final List<Commit> commits = new ArrayList<>();
    private final List<Sign> signs = new ArrayList<>();

    /**
     * A step that was told of.
     *
     * @param nanos of {@link System#nanoTime}
     * @param stragglers slots of nodes with a rank that was flagged; 0 for one whose node is not known
     */
    record Commit(long nanos, long step, int numRanks, Set<Integer> stragglers) {
        /** Copies. */
        Commit {
            stragglers = Set.copyOf(stragglers);
        }
    }

    /** What a sign is of. */
    enum SignKind {
        /** Somebody noticed that something is wrong. */
        DETECTED,
        /** A node has the coordinator. */
        COORDINATES,
        /** A process ended. */
        ENDED,
        /** A fault had an effect. */
        FIRED,
        /** Nodes took another one out of the cluster for good. */
        REMOVED
    }

    /**
     * Something that a node said or did.
     *
     * @param slot of the node, 0 if that does not matter
     */
    record Sign(long nanos, SignKind kind, int slot, String text) {}

    synchronized void commit(Commit commit) {
        commits.add(commit);
        notifyAll();
    }

    synchronized void sign(SignKind kind, int slot, String text) {
        signs.add(new Sign(System.nanoTime(), kind, slot, text));
        notifyAll();
    }

    /** The last commit so far; of step 0 if there is none. */
    synchronized Commit last() {
        return commits.isEmpty() ? new Commit(System.nanoTime(), 0, 0, Set.of()) : commits.getLast();
    }

    /** Slot of the node that has the coordinator, 0 if nobody knows. */
    synchronized int coordinator() {
        return signs.reversed().stream().filter(sign -> sign.kind() == SignKind.COORDINATES).map(Sign::slot)
                .findFirst().orElse(0);
    }

    /** All commits after a time. */
    synchronized List<Commit> commitsSince(long nanos) {
        int from = commits.size();
        while (from > 0 && commits.get(from - 1).nanos() - nanos > 0) {
            from--;
        }
        return List.copyOf(commits.subList(from, commits.size()));
    }

    /** The last commits so far. */
    synchronized List<Commit> lastCommits(int count) {
        return List.copyOf(commits.subList(Math.max(0, commits.size() - count), commits.size()));
    }

    synchronized Optional<Sign> firstSign(long since, Predicate<Sign> wanted) {
        for (int i = 0; i < signs.size(); i++) {
            Sign sign = signs.get(i);
            if (sign.nanos() - since >= 0 && wanted.test(sign)) {
                return Optional.of(sign);
            }
        }
        return Optional.empty();
    }

    /**
     * The first commit after a sign that is not of a step which was being committed when the sign was given: the sign itself says
     * what had been committed by then.
     */
    synchronized Optional<Commit> firstCommitAfter(Sign sign) {
        Matcher said = STEP.matcher(sign.text());
        long known = said.find() ? Long.parseLong(said.group(1)) : 0;
        return commitsSince(sign.nanos()).stream().filter(commit -> commit.step() > known).findFirst();
    }

    /** Waits until something can be found, at most until a time; what was found. */
    synchronized <T> Optional<T> await(long untilNanos, Function<RunWatch, Optional<T>> find)
            throws InterruptedException {
        while (true) {
            Optional<T> found = find.apply(this);
            long left = untilNanos - System.nanoTime();
            if (found.isPresent() || left <= 0) {
                return found;
            }
            wait(left / 1_000_000L + 1);
        }
    }

    /** Steps that were told of more than once, which must not be. */
    synchronized List<Long> toldTwice() {
        List<Long> twice = new ArrayList<>();
        long highest = 0;
        for (Commit commit : commits) {
            if (commit.step() <= highest) {
                twice.add(commit.step());
            }
            highest = Math.max(highest, commit.step());
        }
        return twice;
    }
}
