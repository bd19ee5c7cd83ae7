package io.sparsebalance.actors.profile;

import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * What is measured, and how often.
 *
 * @param points grid
 * @param checks micro-batches that the table is tried on
 * @param leastRepeats of every point, whatever the time
 * @param mostRepeats of a point whose median does not settle
 * @param precision relative error of a median that is good enough
 * @param budgetSeconds no further repeat is begun after this, warm-up not counted
 */
public record ProfilePlan(int numLayers, SelectedPairs pairs, List<Point> points, List<Check> checks, int leastRepeats,
        int mostRepeats, double precision, double budgetSeconds) {
    private static final int FIXED_LENGTH = 8;
    private static final int SHORTEST = 32;
    private static final int LINEAR_DOCUMENT = 1024;
    /** Short documents are measured many at a time: in a micro-batch of about half the cap, but within these bounds. */
    private static final int LEAST_FILL_TOKENS = 4096;
    /** Enough to keep the largest devices busy. */
    private static final int MOST_FILL_TOKENS = 1 << 14;
    /** Tokens of all held-out micro-batches: enough for a score of them up to 131,072 tokens. */
    private static final int CHECK_TOKENS = 1 << 20;
    /** The start-up table stops here: one point there would take longer than all others together. */
    private static final int QUICK_LONGEST = 8192;
    private static final int MOST_DOCUMENTS = 8;
    /** Held-out micro-batches that are run whatever the time. */
    static final int LEAST_CHECKS = 12;

    /** Copies. */
    public ProfilePlan {
        points = List.copyOf(points);
        checks = List.copyOf(checks);
    }

    /**
     * Documents of one length as one micro-batch.
     *
     * @param copies documents
     * @param budgets measured, ascending
     * @param attention whether attention is read from it; else only the rest is
     */
    public record Point(int length, int copies, List<Integer> budgets, boolean attention) {
        /** Copies. */
        public Point {
            budgets = List.copyOf(budgets);
        }

        int tokens() {
            return length * copies;
        }

        /** Whether it stands for what a micro-batch costs whatever it holds; then it is also run with nobody looking on. */
        boolean isFixed() {
            return length == FIXED_LENGTH;
        }
    }

    /** A held-out micro-batch: documents of any length, every layer its own budget. */
    public record Check(List<Integer> lengths, List<Integer> budgets) {
        /** Copies. */
        public Check {
            lengths = List.copyOf(lengths);
            budgets = List.copyOf(budgets);
        }
    }

    /** Ranges that a table must cover. */
    public record Range(int numLayers, SelectedPairs pairs, int minBudget, int baseBudget, int maxBudget,
            int maxLength, int tokenCap, long seed) {}

    /** Some seconds: enough to start with. */
    public static ProfilePlan quick(Range range, double budgetSeconds) {
        int longest = Math.min(range.maxLength(), QUICK_LONGEST);
        return new ProfilePlan(range.numLayers(), range.pairs(), points(range, longest, 4, false),
                checks(range, longest, 6), 2, 3, 0.03, budgetSeconds);
    }

    /** Minutes: a table for keeps. */
    public static ProfilePlan full(Range range, double budgetSeconds) {
        return new ProfilePlan(range.numLayers(), range.pairs(), points(range, range.maxLength(), 2, true),
                checks(range, range.maxLength(), 40), 5, 15, 0.01, budgetSeconds);
    }

    private static List<Point> points(Range range, int longest, int factor, boolean allBudgets) {
        List<Point> points = new ArrayList<>();
        int lowest = range.minBudget();
        int fill = Math.min(range.tokenCap(), Math.clamp(range.tokenCap() / 2, LEAST_FILL_TOKENS, MOST_FILL_TOKENS));
        points.add(new Point(FIXED_LENGTH, 1, List.of(lowest), false));
        SortedSet<Integer> linear = new TreeSet<>();
        for (int tokens = longest; tokens > SHORTEST; tokens /= factor) {
            linear.add(tokens);
        }
        for (int tokens : linear) {
            if (tokens < fill) {
                points.add(new Point(tokens, 1, List.of(lowest), false));
            }
        }
        int document = Math.min(LINEAR_DOCUMENT, longest);
        for (long tokens = 2L * Math.max(longest, fill); tokens <= range.tokenCap(); tokens *= 2) {
            points.add(new Point(document, (int) (tokens / document), List.of(lowest), false));
        }
        linear.add(Math.min(longest, SHORTEST));
        for (int length : linear) {
            int copies = Math.max(1, fill / length);
            points.add(new Point(length, copies, budgets(range, length, allBudgets), true));
        }
        return points;
    }

    /** Budgets that make a difference for a document of this length, ascending. */
    private static List<Integer> budgets(Range range, int length, boolean all) {
        SortedSet<Integer> wanted = new TreeSet<>(
                List.of(range.minBudget(), range.baseBudget(), range.maxBudget()));
        if (all) {
            for (long budget = range.minBudget(); budget < range.maxBudget(); budget *= 2) {
                wanted.add((int) budget);
            }
        }
        SortedSet<Integer> budgets = new TreeSet<>();
        for (int budget : wanted) {
            budgets.add(Math.max(range.minBudget(), Math.min(budget, range.pairs().numBlocks(length))));
        }
        return List.copyOf(budgets);
    }

    private static List<Check> checks(Range range, int longest, int count) {
        SplittableRandom random = new SplittableRandom(range.seed());
        List<Check> checks = new ArrayList<>();
        long left = CHECK_TOKENS;
        for (int i = 0; i < count && (left > 0 || i < LEAST_CHECKS); i++) {
            int documents = 1 + random.nextInt(MOST_DOCUMENTS);
            List<Integer> lengths = new ArrayList<>();
            long tokens = 0;
            for (int d = 0; d < documents; d++) {
                int length = logUniform(random, SHORTEST / 2, longest);
                if (tokens + length <= range.tokenCap()) {
                    lengths.add(length);
                    tokens += length;
                }
            }
            Integer[] budgets = new Integer[range.numLayers()];
            Arrays.setAll(budgets, layer -> logUniform(random, range.minBudget(), range.maxBudget()));
            checks.add(new Check(lengths, List.of(budgets)));
            left -= tokens;
        }
        return checks;
    }

    /** Log-uniform, as document lengths roughly are. */
    private static int logUniform(SplittableRandom random, int low, int high) {
        return Math.min(high,
                (int) Math.round(Math.exp(Math.log(low) + random.nextDouble() * (Math.log(high) - Math.log(low)))));
    }
}
