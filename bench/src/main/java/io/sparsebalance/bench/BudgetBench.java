package io.sparsebalance.bench;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.BudgetMemory;
import io.sparsebalance.policies.sparsity.BudgetPlan;
import io.sparsebalance.policies.sparsity.BudgetRequest;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.CoverageTable;
import io.sparsebalance.policies.sparsity.DynamicSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Time of one decision of dynamic sparsity tuning, tables included, warm, on the calling thread. Micro-batches hold documents
 * of the list {@code chatqa2} and are dealt to ranks in turn; every step has other documents, and the memory of budgets is
 * carried on. Curves are measured ones of their own for each layer, or the default. Arguments: number of repeats, and the first
 * and last size to time. Prints a Markdown table of medians, of wall time and of the thread's processor time, which is what a
 * core of its own would take.
 */
public final class BudgetBench {
    private static final int BLOCK = 256;
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private BudgetBench() {
    }

    /** A size of problem. */
    private record Size(int ranks, int perRank, int layers, int documents, boolean measured) {}

    private static final List<Size> SIZES = List.of(new Size(8, 2, 36, 64, true), new Size(8, 2, 36, 256, true),
            new Size(1024, 2, 36, 8192, false), new Size(1024, 2, 36, 8192, true),
            new Size(4096, 8, 32, 65_536, false), new Size(4096, 8, 32, 65_536, true),
            new Size(4096, 8, 32, 262_144, true));

    /** Times every size with MEAN and with ISO_DENSITY. */
    public static void main(String[] args) {
        int repeats = args.length > 0 ? Integer.parseInt(args[0]) : 15;
        int first = args.length > 1 ? Integer.parseInt(args[1]) : 0;
        int last = args.length > 2 ? Integer.parseInt(args[2]) : SIZES.size() - 1;
        System.out.println(
                "| ranks x micro-batches x layers | documents | curves | anchor | median ms | slowest ms | processor ms |");
        System.out.println("|---|---|---|---|---|---|---|");
        for (Size size : SIZES.subList(first, last + 1)) {
            for (Anchor anchor : List.of(Anchor.MEAN, Anchor.ISO_DENSITY)) {
                time(size, anchor, repeats);
            }
        }
    }

    private static void time(Size size, Anchor anchor, int repeats) {
        LatencyModel latency = latency(size.layers());
        CoverageCurves curves = size.measured()
                ? measured(size.layers()).model()
                : CoverageTable.unmeasured(BLOCK).model();
        SparsitySettings settings = new SparsitySettings(32, 4, 128, anchor, 0.1);
        SplittableRandom random = new SplittableRandom(1);
        BudgetMemory memory = BudgetMemory.empty();
        int warmUp = Math.max(10, 2000 / size.ranks());
        double[] millis = new double[repeats];
        double[] processor = new double[repeats];
        for (int i = -warmUp; i < repeats; i++) {
            BudgetRequest request = request(size, random, latency, curves, settings, memory);
            long used = THREADS.getCurrentThreadCpuTime();
            long start = System.nanoTime();
            BudgetPlan plan = new DynamicSparsity().plan(request);
            if (i >= 0) {
                millis[i] = (System.nanoTime() - start) / 1e6;
                processor[i] = (THREADS.getCurrentThreadCpuTime() - used) / 1e6;
            }
            memory = plan.memory();
        }
        Arrays.sort(millis);
        Arrays.sort(processor);
        System.out.printf(Locale.ROOT, "| %d x %d x %d | %d | %s | %s | %.2f | %.2f | %.2f |%n", size.ranks(),
                size.perRank(),
                size.layers(), size.documents(), size.measured() ? "measured" : "default", anchor, millis[repeats / 2],
                millis[repeats - 1], processor[repeats / 2]);
    }

    private static BudgetRequest request(Size size, SplittableRandom random, LatencyModel latency,
            CoverageCurves curves, SparsitySettings settings, BudgetMemory memory) {
        int numMicroBatches = size.ranks() * size.perRank();
        List<List<Integer>> lengths = new ArrayList<>();
        List<Integer> ranks = new ArrayList<>();
        for (int i = 0; i < numMicroBatches; i++) {
            lengths.add(new ArrayList<>());
            ranks.add(i % size.ranks());
        }
        for (int d = 0; d < size.documents(); d++) {
            lengths.get(d % numMicroBatches).add(length(random));
        }
        return new BudgetRequest(lengths, ranks, Collections.nCopies(size.ranks(), 1.0), settings, latency, curves,
                memory);
    }

    private static int length(SplittableRandom random) {
        return random.nextBoolean()
                ? 500 + random.nextInt(3500)
                : (int) Math.clamp(24_000 * Math.exp(0.6 * random.nextGaussian()), 4096, 131_072);
    }

    /** Seconds by the arithmetic of a model of 3 billion parameters at 2e14 to 4e14 operations a second. */
    private static LatencyModel latency(int layers) {
        SelectedPairs pairs = new SelectedPairs(BLOCK, 64, 2);
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        for (int length = 64; length <= 131_072; length *= 2) {
            for (int budget = 1; budget <= 512; budget *= 2) {
                attention.add(new LatencyTable.AttentionPoint(length, budget,
                        1e-5 + 1.4e-10 * pairs.count(length, budget) + 1e-9 * length));
            }
            linear.add(new LatencyTable.LinearPoint(length, 4.6e-5 * length));
        }
        return new LatencyTable(layers, pairs, "derived", attention, linear, 5e-3).model();
    }

    /** Other curves for every layer. */
    private static CoverageTable measured(int layers) {
        List<CoverageTable.Curve> curves = new ArrayList<>();
        List<Integer> budgets = List.of(4, 8, 16, 32, 64, 128);
        for (int layer = 0; layer < layers; layer++) {
            for (int band = 10; band <= 17; band++) {
                double numBlocks = (1 << band) * 1.5 / BLOCK;
                double exponent = 0.15 + 0.5 * layer / layers;
                curves.add(new CoverageTable.Curve(layer, band, budgets,
                        budgets.stream().map(k -> Math.min(1, Math.pow(k / numBlocks, exponent))).toList()));
            }
        }
        return new CoverageTable(BLOCK, curves);
    }
}
