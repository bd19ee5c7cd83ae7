package io.sparsebalance.bench;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.batching.BatchPlan;
import io.sparsebalance.policies.batching.BatchRequest;
import io.sparsebalance.policies.batching.BatchingPolicies;
import io.sparsebalance.policies.batching.BatchingPolicy;
import io.sparsebalance.policies.batching.Sample;
import io.sparsebalance.policies.batching.WindowRequest;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import io.sparsebalance.policies.sparsity.SparsityPolicies;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.workload.LengthGenerators;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Batching by itself: how long a plan takes, how even the ranks are, and what looking ahead brings. Predictions only, by a
 * latency table made up in the proportions of a decoder of three billion parameters (36 layers, blocks of 256, budget 32).
 * One thread. Prints Markdown.
 */
public final class BatchingBench {
    private static final int LAYERS = 36;
    private static final int BLOCK = 256;
    private static final int BASE_BUDGET = 32;
    private static final int CONTEXT = 131_072;
    private static final int NO_CAP = 1 << 24;
    private static final int WARM_UP = 10;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final LatencyModel LATENCY = latency();
    private static final Budgets BASE = Budgets.uniform(BASE_BUDGET, LAYERS);

    private BatchingBench() {
    }

    /** Runs all parts. */
    public static void main(String[] args) {
        times();
        balance();
        lookahead();
    }

    /** Seconds of linear parts by 4e14, of attention by 2e14 operations a second, and launches. */
    private static LatencyModel latency() {
        SelectedPairs pairs = new SelectedPairs(BLOCK, 128, 0);
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        for (int length = 128; length <= CONTEXT; length *= 2) {
            for (int budget = 2; budget <= 512; budget *= 4) {
                double scores = (double) length / 128 * length / BLOCK;
                attention.add(new LatencyTable.AttentionPoint(length, budget,
                        1e-5 + 2e-9 * length + 1.4e-10 * pairs.count(length, budget) + 2e-9 * scores));
            }
        }
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        for (int tokens = 256; tokens <= 2 * CONTEXT; tokens *= 4) {
            linear.add(new LatencyTable.LinearPoint(tokens, 4.5e-5 * tokens + 2e-3));
        }
        return new LatencyTable(LAYERS, pairs, "made up", attention, linear, 5e-3).model();
    }

    private static BatchRequest request(List<Sample> samples, int numMicroBatches, int numRanks) {
        return new BatchRequest(samples, numMicroBatches, Collections.nCopies(numRanks, 1.0), NO_CAP, BASE, LATENCY,
                samples.size());
    }

    private static void times() {
        System.out.println("| ranks | micro-batches | samples | lengths | median ms | p95 ms | longest rank / bound |");
        System.out.println("|---|---|---|---|---|---|---|");
        int[][] sizes = {{8, 16, 64}, {8, 16, 256}, {1024, 2048, 8192}, {1024, 8192, 65_536}, {4096, 32_768, 262_144}};
        for (int[] size : sizes) {
            int repeats = size[2] < 100_000 ? 30 : 9;
            for (String lengths : LengthGenerators.NAMES) {
                SplittableRandom random = new SplittableRandom(1);
                double[] millis = new double[repeats];
                double worst = 0;
                for (int i = -WARM_UP; i < repeats; i++) {
                    List<Sample> samples = LengthGenerators.samples(lengths, random, size[2], CONTEXT);
                    long start = System.nanoTime();
                    BatchRequest request = request(samples, size[1], size[0]);
                    BatchPlan plan = BatchingPolicies.byName("sab").plan(request);
                    if (i >= 0) {
                        millis[i] = (System.nanoTime() - start) / NANOS_PER_MILLI;
                        worst = Math.max(worst, overBound(request, plan));
                    }
                }
                Arrays.sort(millis);
                System.out.printf(Locale.ROOT, "| %d | %d | %d | %s | %.2f | %.2f | %.4f |%n", size[0], size[1], size[2],
                        lengths, millis[repeats / 2], millis[(int) Math.ceil(0.95 * repeats) - 1], worst);
            }
        }
    }

    private static double overBound(BatchRequest request, BatchPlan plan) {
        double[] busy = busy(request, plan, null);
        double bound = Arrays.stream(busy).average().orElseThrow();
        int longest = request.samples().stream().mapToInt(Sample::length).max().orElseThrow();
        return max(busy) / Math.max(bound, LATENCY.microBatchSeconds(List.of(longest), BASE));
    }

    private static double max(double[] values) {
        return Arrays.stream(values).max().orElseThrow();
    }

    /** Busy seconds of each rank; with a sparsity policy by its name, or at the base budgets. */
    private static double[] busy(BatchRequest request, BatchPlan plan, String sparsity) {
        List<List<Integer>> lengths = plan.microBatches().stream()
                .map(microBatch -> microBatch.stream().map(Sample::length).toList()).toList();
        List<Budgets> budgets = sparsity == null
                ? Collections.nCopies(lengths.size(), BASE)
                : SparsityPolicies.byName(sparsity)
                        .plan(new BudgetRequest(lengths, plan.rankOf(), request.rankSpeeds(),
                                new SparsitySettings(BASE_BUDGET, 8, 128, Anchor.MEAN, 0.1), LATENCY,
                                RunningCoverage.empty(BLOCK)))
                        .budgets();
        double[] busy = new double[request.numRanks()];
        for (int i = 0; i < lengths.size(); i++) {
            busy[plan.rankOf().get(i)] += LATENCY.microBatchSeconds(lengths.get(i), budgets.get(i));
        }
        return busy;
    }

    private static void balance() {
        System.out.println("\n| lengths | samples | ranks x micro-batches | random | sorted | lbb | sab |");
        System.out.println("|---|---|---|---|---|---|---|");
        for (String lengths : LengthGenerators.NAMES) {
            for (int[] shape : new int[][]{{8, 2}, {16, 1}, {4, 4}, {64, 1}}) {
                StringBuilder row = new StringBuilder();
                for (BatchingPolicy policy : BatchingPolicies.names().stream().map(BatchingPolicies::byName).toList()) {
                    SplittableRandom random = new SplittableRandom(2);
                    double longest = 0;
                    double mean = 0;
                    for (int step = 0; step < 50; step++) {
                        BatchRequest request = request(
                                LengthGenerators.samples(lengths, random, samplesPerStep(lengths), CONTEXT),
                                shape[0] * shape[1], shape[0]);
                        double[] busy = busy(request, policy.plan(request), null);
                        longest += max(busy);
                        mean += Arrays.stream(busy).average().orElseThrow();
                    }
                    row.append(String.format(Locale.ROOT, " %.3f |", longest / mean));
                }
                System.out.printf("| %s | %d | %d x %d |%s%n", lengths, samplesPerStep(lengths), shape[0], shape[1],
                        row);
            }
        }
    }

    private static int samplesPerStep(String lengths) {
        return lengths.equals("chatqa2") || lengths.equals("longalign") ? 64 : 256;
    }

    private static void lookahead() {
        System.out.println("\n| lengths | samples | budgets | window 1 | 2 | 4 | 8 | dealing, ms a step at 8 |");
        System.out.println("|---|---|---|---|---|---|---|---|");
        int ranks = 64;
        int numSteps = 64;
        for (String lengths : LengthGenerators.NAMES) {
            for (String sparsity : List.of("fixed", "dst")) {
                StringBuilder row = new StringBuilder();
                double millis = 0;
                for (int width : new int[]{1, 2, 4, 8}) {
                    int perStep = samplesPerStep(lengths);
                    List<Sample> samples = LengthGenerators.samples(lengths, new SplittableRandom(3),
                            numSteps * perStep, CONTEXT);
                    double longest = 0;
                    double mean = 0;
                    long dealing = 0;
                    for (int first = 0; first < numSteps; first += width) {
                        long start = System.nanoTime();
                        List<List<Sample>> steps = BatchingPolicies.byName("sab")
                                .deal(new WindowRequest(samples.subList(first * perStep, (first + width) * perStep),
                                        width, ranks, NO_CAP, BASE, LATENCY, first));
                        dealing += System.nanoTime() - start;
                        for (List<Sample> step : steps) {
                            BatchRequest request = request(step, ranks, ranks);
                            double[] busy = busy(request, BatchingPolicies.byName("sab").plan(request), sparsity);
                            longest += max(busy);
                            mean += Arrays.stream(busy).average().orElseThrow();
                        }
                    }
                    millis = dealing / NANOS_PER_MILLI / numSteps;
                    row.append(String.format(Locale.ROOT, " %.3f |", longest / mean));
                }
                System.out.printf(Locale.ROOT, "| %s | %d | %s |%s %.2f |%n", lengths, samplesPerStep(lengths), sparsity,
                        row, millis);
            }
        }
    }
}
