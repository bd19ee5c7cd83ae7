package io.sparsebalance.bench;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Trains the same samples in the same order with different balancing, in turns, on the default corpus, and compares step times.
 * Arguments: rounds, steps, then further overrides {@code key=value}. Prints a Markdown table; the first quarter of each run,
 * in which code is compiled, is left out.
 */
public final class BalanceArms {
    private static final Map<String, List<String>> ARMS = new java.util.LinkedHashMap<>();

    static {
        ARMS.put("random/fixed", List.of("batch.policy=random", "balance.sparsity=fixed"));
        ARMS.put("lbb/fixed", List.of("batch.policy=lbb", "balance.sparsity=fixed"));
        ARMS.put("sab/fixed", List.of("batch.policy=sab", "balance.sparsity=fixed"));
        ARMS.put("sab/dst mean", List.of("batch.policy=sab", "balance.sparsity=dst", "balance.anchor=mean"));
        ARMS.put("sab/dst iso-density",
                List.of("batch.policy=sab", "balance.sparsity=dst", "balance.anchor=iso-density"));
    }

    private BalanceArms() {
    }

    /** Runs all arms. */
    public static void main(String[] args) {
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 2;
        int steps = args.length > 1 ? Integer.parseInt(args[1]) : 24;
        List<String> overrides = Arrays.asList(args).subList(Math.min(2, args.length), args.length);
        Map<String, List<Run>> runs = new HashMap<>();
        for (int round = 0; round < rounds; round++) {
            for (String arm : ARMS.keySet()) {
                runs.computeIfAbsent(arm, a -> new ArrayList<>()).add(train(arm, steps, overrides));
                System.err.println("round " + (round + 1) + " of " + rounds + ": " + arm + " done");
            }
        }
        print(runs, overrides, steps, rounds);
    }

    /** Means over the steps of one run. */
    private record Run(double stepSeconds, double imbalance, double density, double coverage, double planMillis,
            double heldOutLoss) {}

    private static Run train(String arm, int steps, List<String> overrides) {
        List<String> all = new ArrayList<>(
                List.of("run.name=bench", "run.steps=" + steps, "run.evaluation.every=0", "run.checkpoint.every=0",
                        "optimizer.warmup-steps=5"));
        all.addAll(overrides);
        all.addAll(ARMS.get(arm));
        List<StepReport> reports = new ArrayList<>();
        TrainingListener collect = new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
                reports.add(report);
            }
        };
        try (TrainingRun run = SparseBalance.train(TrainingConfigs.defaults(all)).listener(collect).start()) {
            TrainingResult result = run.result().toCompletableFuture().join();
            List<StepReport> steady = reports.subList(reports.size() / 4, reports.size());
            return new Run(mean(steady, StepReport::stepSeconds), mean(steady, StepReport::imbalance),
                    mean(steady, StepReport::density),
                    mean(steady, StepReport::coverage), mean(steady, StepReport::planMillis),
                    result.heldOutLoss().orElse(Double.NaN));
        }
    }

    private static double mean(List<StepReport> steps, java.util.function.ToDoubleFunction<StepReport> value) {
        return steps.stream().mapToDouble(value).average().orElse(Double.NaN);
    }

    private static void print(Map<String, List<Run>> runs, List<String> overrides, int steps, int rounds) {
        System.out.printf("%d rounds of %d steps an arm, in turns; %s%n%n", rounds, steps, overrides);
        System.out.println(
                "| arm | step s | spread | speed-up | imbalance | density | coverage | plan ms | held-out loss |");
        System.out.println("|---|---|---|---|---|---|---|---|---|");
        double first = median(runs.get("random/fixed"), Run::stepSeconds);
        for (String arm : ARMS.keySet()) {
            List<Run> of = runs.get(arm);
            double[] seconds = of.stream().mapToDouble(Run::stepSeconds).sorted().toArray();
            double step = median(of, Run::stepSeconds);
            System.out.printf(Locale.ROOT, "| %s | %.3f | %.1f %% | %.2f | %.3f | %.1f %% | %.1f %% | %.2f | %.3f |%n",
                    arm, step,
                    100 * (seconds[seconds.length - 1] - seconds[0]) / step, first / step, median(of, Run::imbalance),
                    100 * median(of, Run::density), 100 * median(of, Run::coverage), median(of, Run::planMillis),
                    median(of, Run::heldOutLoss));
        }
    }

    private static double median(List<Run> runs, java.util.function.ToDoubleFunction<Run> value) {
        double[] sorted = runs.stream().mapToDouble(value).sorted().toArray();
        int n = sorted.length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }
}
