package io.sparsebalance.actors.run;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/**
 * Measures the latency table at start. All ranks measure at once, each on its own device and thread, so that the table holds
 * what they take from each other; the table is the median over ranks.
 */
final class Calibration {
    /** Longer documents are extrapolated: one point there would take longer than all others together. */
    private static final int MAX_LENGTH = 8192;
    private static final int MIN_LENGTH = 64;
    private static final int LENGTH_FACTOR = 4;
    private static final int LINEAR_DOCUMENT = 256;
    private static final int[] LINEAR_DOCUMENTS = {1, 4, 16, 48};
    private static final int FIXED_LENGTH = 8;
    private static final int CHECKS = 5;
    private static final long WARM_UP_NANOS = 6_000_000_000L;
    private static final int STABLE_ROUNDS = 4;
    private static final double STILL_FALLING = 0.97;
    private static final int WARM_UP_LENGTH = 1500;

    private Calibration() {
    }

    /**
     * What a calibration found.
     *
     * @param table latencies
     * @param summary one line for people: points, time, error on micro-batches that are not points
     */
    record Result(LatencyTable table, String summary) {}

    /** What is measured. */
    record Plan(int numLayers, SelectedPairs pairs, int minBudget, int baseBudget, int maxBudget, int maxLength,
            String fingerprint) {
        /** Document lengths of the grid, ascending. */
        List<Integer> lengths() {
            SortedSet<Integer> lengths = new TreeSet<>();
            int longest = Math.min(maxLength, MAX_LENGTH);
            for (int length = longest; length > MIN_LENGTH; length /= LENGTH_FACTOR) {
                lengths.add(length);
            }
            lengths.add(Math.min(longest, MIN_LENGTH));
            return List.copyOf(lengths);
        }

        /** Budgets that make a difference for a document of this length, ascending. */
        List<Integer> budgets(int length) {
            SortedSet<Integer> budgets = new TreeSet<>();
            for (int budget : new int[]{minBudget, baseBudget, maxBudget}) {
                budgets.add(Math.max(minBudget, Math.min(budget, pairs.numBlocks(length))));
            }
            return List.copyOf(budgets);
        }
    }

    /** One rank's measurements, in the order of the plan. */
    private record Measured(List<Double> attention, List<Double> whole, double fixed,
            List<LatencyTable.Measured> checks) {}

    /**
     * Runs the calibration; blocks for some seconds.
     *
     * @param probes opens a rank's probe; called on the thread that then uses and closes it
     */
    static Result run(Plan plan, int numRanks, IntFunction<CalibrationProbe> probes) {
        long start = System.nanoTime();
        List<Measured> ranks = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(numRanks,
                Thread.ofPlatform().name("sparsebalance-calibration-", 0).daemon().factory())) {
            List<Future<Measured>> futures = new ArrayList<>();
            for (int rank = 0; rank < numRanks; rank++) {
                int number = rank;
                futures.add(threads.submit(() -> {
                    try (CalibrationProbe probe = probes.apply(number)) {
                        return measure(plan, probe);
                    }
                }));
            }
            for (Future<Measured> future : futures) {
                ranks.add(future.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException("calibration of the latency table failed: " + e.getCause().getMessage(),
                    e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("calibration of the latency table was interrupted", e);
        }
        return combine(plan, ranks, (System.nanoTime() - start) / 1e9);
    }

    private static Measured measure(Plan plan, CalibrationProbe probe) {
        warmUp(plan, probe);
        List<Double> attention = new ArrayList<>();
        for (int length : plan.lengths()) {
            for (int budget : plan.budgets(length)) {
                attention.add(probe.attentionSeconds(length, budget));
            }
        }
        List<Double> whole = new ArrayList<>();
        for (int documents : LINEAR_DOCUMENTS) {
            whole.add(
                    probe.microBatchSeconds(documents, Math.min(LINEAR_DOCUMENT, plan.maxLength()), plan.minBudget()));
        }
        double fixed = probe.microBatchSeconds(1, FIXED_LENGTH, plan.minBudget());
        List<LatencyTable.Measured> checks = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(plan.fingerprint().hashCode());
        for (int i = 0; i < CHECKS; i++) {
            List<Integer> lengths = new ArrayList<>();
            for (int n = 0; n <= i % 2; n++) {
                // Log-uniform, as document lengths roughly are.
                double longest = Math.log(Math.min(plan.maxLength(), MAX_LENGTH));
                lengths.add((int) Math
                        .exp(Math.log(FIXED_LENGTH) + random.nextDouble() * (longest - Math.log(FIXED_LENGTH))));
            }
            double seconds = probe.microBatchSeconds(lengths, plan.baseBudget());
            checks.add(
                    new LatencyTable.Measured(lengths, Budgets.uniform(plan.baseBudget(), plan.numLayers()), seconds));
        }
        return new Measured(attention, whole, fixed, checks);
    }

    /** Runs until the kernels are compiled, which shows by times that no longer fall: earlier ones say nothing. */
    private static void warmUp(Plan plan, CalibrationProbe probe) {
        long start = System.nanoTime();
        double best = Double.POSITIVE_INFINITY;
        int stable = 0;
        while (stable < STABLE_ROUNDS && System.nanoTime() - start < WARM_UP_NANOS) {
            double seconds = probe.microBatchSeconds(1, Math.min(WARM_UP_LENGTH, plan.maxLength()), plan.baseBudget());
            stable = seconds > best * STILL_FALLING ? stable + 1 : 0;
            best = Math.min(best, seconds);
        }
    }

    private static Result combine(Plan plan, List<Measured> ranks, double seconds) {
        List<LatencyTable.AttentionPoint> grid = new ArrayList<>();
        for (int length : plan.lengths()) {
            for (int budget : plan.budgets(length)) {
                int at = grid.size();
                grid.add(new LatencyTable.AttentionPoint(length, budget,
                        median(ranks.stream().mapToDouble(m -> m.attention().get(at)).toArray())));
            }
        }
        double fixed = median(ranks.stream().mapToDouble(Measured::fixed).toArray());
        LatencyModel attention = new LatencyTable(plan.numLayers(), plan.pairs(), plan.fingerprint(), grid,
                List.of(new LatencyTable.LinearPoint(1, 1)), 0).model();
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        int length = Math.min(LINEAR_DOCUMENT, plan.maxLength());
        for (int i = 0; i < LINEAR_DOCUMENTS.length; i++) {
            int at = i;
            double whole = median(ranks.stream().mapToDouble(m -> m.whole().get(at)).toArray());
            double rest = whole
                    - LINEAR_DOCUMENTS[i] * plan.numLayers() * attention.attentionSeconds(length, plan.minBudget());
            // What attention was measured to take alone may exceed its share of a small whole; never go below a part of it.
            linear.add(new LatencyTable.LinearPoint((long) LINEAR_DOCUMENTS[i] * length, Math.max(rest, whole / 10)));
        }
        double smallest = linear.getFirst().seconds() * FIXED_LENGTH / linear.getFirst().tokens();
        LatencyTable table = new LatencyTable(plan.numLayers(), plan.pairs(), plan.fingerprint(), grid, linear,
                Math.max(0, Math.min(fixed, linear.getFirst().seconds() / 2) - smallest));
        List<LatencyTable.Measured> checks = ranks.stream().flatMap(m -> m.checks().stream()).toList();
        LatencyTable.Errors errors = table.errors(checks);
        return new Result(table, String.format(Locale.ROOT,
                "%d points in %.1f s on %d ranks at once; error on %d micro-batches that are not points: median %.1f %%, p95 %.1f %%",
                grid.size() + linear.size(), seconds, ranks.size(), checks.size(), 100 * errors.median(),
                100 * errors.p95()));
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length % 2 == 1
                ? sorted[sorted.length / 2]
                : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
    }
}
