package io.sparsebalance.bench;

import io.sparsebalance.app.LatencyTables;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.simulation.ArmSummary;
import io.sparsebalance.policies.simulation.Disturbances;
import io.sparsebalance.policies.simulation.Network;
import io.sparsebalance.policies.simulation.SimulationSettings;
import io.sparsebalance.policies.simulation.Simulator;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import io.sparsebalance.policies.workload.LengthStream;
import io.sparsebalance.policies.workload.Workload;
import java.util.List;
import java.util.Locale;

/**
 * How even a step can be made at all, beside how even {@code sab/dst} makes it: the samples of {@code simulate}, 8 ranks x 2
 * micro-batches, budgets 4 to 128 with base 32, guard 0.1, MEAN.
 *
 * <p>The bound holds for every batching and all budgets that the guard allows. Let {@code o} be what the longest document takes by
 * itself, alone in a micro-batch, at the guard's floors, and {@code r} what all others take with every one at k-max. The rank of
 * the longest document is busy for {@code b >= o}, the longest rank for {@code m >= b}, and all ranks together for at most
 * {@code b + r}; so largest over mean is at least {@code R m / (b + r) >= R o / (o + r)} with {@code R} ranks, and at least 1.
 * Whether it can be reached is another question.
 *
 * <p>Arguments: names of lists, with commas (all five); context (131072); latency table ({@code simulate}'s default); steps (200);
 * look-ahead of {@code sab/dst} (1). The bound is for a look-ahead of 1: with more, a step may be spared its longest document.
 */
public final class ImbalanceBound {
    private static final int RANKS = 8;
    private static final int MICRO_BATCHES = 16;
    private static final SparsitySettings BUDGETS = new SparsitySettings(32, 4, 128, Anchor.MEAN, 0.1);

    private ImbalanceBound() {
    }

    /** Prints a Markdown table. */
    public static void main(String[] args) {
        List<String> lists = List
                .of((args.length > 0 ? args[0] : "chatqa2,longalign,wikipedia,mixed,prolong").split(","));
        int context = args.length > 1 ? Integer.parseInt(args[1]) : 131_072;
        LatencyTables.Named table = LatencyTables.load(args.length > 2 ? args[2] : LatencyTables.DEFAULT);
        int steps = args.length > 3 ? Integer.parseInt(args[3]) : 200;
        int lookahead = args.length > 4 ? Integer.parseInt(args[4]) : 1;
        System.out.printf(Locale.ROOT, "Table %s, context %,d, %d steps, look-ahead %d%n%n", table.name(), context,
                steps,
                lookahead);
        System.out.println("| list | samples a step | steps that one document outweighs | bound | sab/dst |");
        System.out.println("|---|---|---|---|---|");
        for (String list : lists) {
            print(list, context, table, steps, lookahead);
        }
    }

    private static void print(String list, int context, LatencyTables.Named table, int steps, int lookahead) {
        int samples = list.equals("chatqa2") || list.equals("longalign") ? 64 : 256;
        LatencyModel latency = table.table().model();
        CoverageCurves curves = table.coverage().model();
        LengthStream lengths = Workload.Named.parse(list).stream(1, context);
        double sum = 0;
        int outweighed = 0;
        for (int step = 0; step < steps; step++) {
            double bound = bound(lengths.next(samples), latency, curves);
            sum += Math.max(1, bound);
            outweighed += bound > 1 ? 1 : 0;
        }
        SimulationSettings settings = new SimulationSettings(RANKS, RANKS, MICRO_BATCHES, steps, samples,
                Integer.MAX_VALUE,
                BUDGETS, Feedback.FULL, false, new StragglerEstimator.Settings(1.25, 3, 0.2), 2, lookahead,
                Disturbances.NONE, Network.FREE, 1);
        ArmSummary reached = new Simulator(settings, latency, table.table().pairs().block(), curves,
                Workload.Named.parse(list), context).run(Arm.parse("sab/dst"));
        System.out.printf(Locale.ROOT, "| %s | %d | %.0f %% | %.3f | %.3f |%n", list, samples,
                100.0 * outweighed / steps,
                sum / steps, reached.imbalance());
    }

    /** Longest document over a rank's largest possible share; below 1 where no document outweighs a rank. */
    private static double bound(int[] lengths, LatencyModel latency, CoverageCurves curves) {
        double longest = 0;
        double longestAtMost = 0;
        double most = MICRO_BATCHES * latency.fixedSeconds();
        double linear = 0;
        long tokens = 0;
        for (int length : lengths) {
            double alone = latency.fixedSeconds() + latency.linearSeconds(length);
            double atFloors = alone;
            for (int layer = 0; layer < latency.numLayers(); layer++) {
                atFloors += latency.attentionSeconds(length, floor(layer, length, latency, curves));
            }
            double attention = latency.numLayers() * latency.attentionSeconds(length, BUDGETS.maxBudget());
            if (atFloors > longest) {
                longest = atFloors;
                longestAtMost = alone + attention;
            }
            most += attention;
            linear += latency.linearSeconds(length);
            tokens += length;
        }
        // Each document apart or all together: whichever way the curve bends, one of them costs at least what 16 micro-batches do.
        most += Math.max(linear, latency.linearSeconds(tokens));
        return longest * RANKS / (longest + most - longestAtMost);
    }

    /** The smallest budget that the guard allows, as {@code dst} would know it from the very curves. */
    private static int floor(int layer, int length, LatencyModel latency, CoverageCurves curves) {
        if (latency.numBlocks(length) <= BUDGETS.minBudget()) {
            return BUDGETS.minBudget();
        }
        double needed = (1 - BUDGETS.guard()) * curves.coverage(layer, length, BUDGETS.baseBudget()) * (1 - 1e-12);
        int budget = BUDGETS.minBudget();
        while (budget < BUDGETS.baseBudget() && curves.coverage(layer, length, budget) < needed) {
            budget++;
        }
        return budget;
    }
}
