package io.sparsebalance.bench;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingListener;
import io.sparsebalance.api.TrainingRun;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import io.sparsebalance.policies.simulation.Arm;
import io.sparsebalance.policies.simulation.SimulatedStep;
import io.sparsebalance.policies.sparsity.Anchor;
import io.sparsebalance.policies.sparsity.FixedSparsity;
import io.sparsebalance.policies.sparsity.SparsitySettings;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.Feedback;
import io.sparsebalance.policies.step.StepInFlight;
import io.sparsebalance.policies.straggler.StragglerEstimator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Trains for real, simulates every step's plan from the run's own latency table, and prints how far the simulated steps are from
 * the measured ones. Arguments: overrides {@code key=value}, and {@code arms=random/fixed,sab/dst} for one run of each arm, one
 * after the other.
 *
 * <p>A micro-batch is simulated to take what the table predicted at the budgets it ran with, times the speed factor that its
 * rank was known to have before the step. The end of a step (reduce, update, commit) is not in the table: its median over the
 * second quarter of the run is added. The first quarter, in which code is compiled, is left out; the second half is compared.
 *
 * <p>Every arm runs twice, and steps of the same plan are compared with each other too: no simulation can come closer to a machine
 * than the machine comes to itself.
 */
public final class SimulatedAgainstReal {
    private static final String ARMS = "arms=";
    private static final double NANOS_PER_SECOND = 1e9;

    private SimulatedAgainstReal() {
    }

    /** Runs each arm once and prints a Markdown table. */
    public static void main(String[] args) {
        List<String> overrides = Arrays.stream(args).filter(arg -> !arg.startsWith(ARMS)).toList();
        List<String> arms = Arrays.stream(args).filter(arg -> arg.startsWith(ARMS))
                .flatMap(arg -> Arrays.stream(arg.substring(ARMS.length()).split(","))).toList();
        System.out.println(overrides);
        System.out.println();
        System.out.println(
                "| arm | ranks | steps compared | median step s | end of a step ms | from the latency table: median"
                        + " (p95) | from the measured busy times: median (p95) | the same plan run again: median (p95), steps |");
        System.out.println("|---|---|---|---|---|---|---|---|");
        if (arms.isEmpty()) {
            compare("as configured", overrides);
        }
        for (String name : arms) {
            Arm arm = Arm.parse(name);
            List<String> ofArm = new ArrayList<>(overrides);
            ofArm.add("batch.policy=" + arm.batching().name());
            ofArm.add("balance.sparsity=" + arm.sparsity().name());
            compare(name, ofArm);
        }
    }

    private static void compare(String name, List<String> given) {
        List<String> overrides = new ArrayList<>(List.of("run.name=simulated", "run.steps=80", "run.evaluation.every=0",
                "run.evaluation.max-tokens=0", "run.checkpoint.every=0"));
        overrides.addAll(given);
        TrainingConfig config = TrainingConfigs.defaults(overrides);
        List<StepReport> steps = run(config);
        double[] fromAgain = repetition(steps, run(config));
        double endSeconds = median(range(steps, steps.size() / 4, steps.size() / 2)
                .mapToDouble(i -> steps.get(i).stepSeconds() - busiest(steps.get(i))).toArray());
        double[] fromTable = deviations(steps, endSeconds, true);
        double[] fromBusy = deviations(steps, endSeconds, false);
        double medianStep = median(range(steps, steps.size() / 2, steps.size())
                .mapToDouble(i -> steps.get(i).stepSeconds()).toArray());
        System.out.printf(Locale.ROOT, "| %s | %d | %d | %.3f | %.1f | %s | %s | %s |%n", name, config.run().ranks(),
                fromTable.length, medianStep, 1e3 * endSeconds, text(fromTable), text(fromBusy),
                fromAgain.length == 0 ? "-" : text(fromAgain) + ", " + fromAgain.length);
    }

    private static List<StepReport> run(TrainingConfig config) {
        List<StepReport> steps = new ArrayList<>();
        TrainingListener collect = new TrainingListener() {
            @Override
            public void onStep(StepReport report) {
                steps.add(report);
            }
        };
        try (TrainingRun run = SparseBalance.train(config).listener(collect).start()) {
            run.result().toCompletableFuture().join();
        }
        return steps;
    }

    /** How far steps of one run are from those of another one that ran the same micro-batches with the same budgets on the same ranks. */
    private static double[] repetition(List<StepReport> steps, List<StepReport> again) {
        return range(steps, steps.size() / 2, Math.min(steps.size(), again.size()))
                .filter(i -> plan(steps.get(i)).equals(plan(again.get(i))))
                .mapToDouble(i -> deviation(steps.get(i), again.get(i).stepSeconds()))
                .toArray();
    }

    private static List<List<Object>> plan(StepReport step) {
        return step.microBatches().stream()
                .map(batch -> List.<Object>of(batch.lengths(), batch.budgets(), batch.rank())).toList();
    }

    private static double[] deviations(List<StepReport> steps, double endSeconds, boolean predicted) {
        return range(steps, steps.size() / 2, steps.size())
                .mapToDouble(i -> deviation(steps.get(i),
                        endSeconds + simulated(steps.get(i), steps.get(i - 1), predicted)))
                .toArray();
    }

    private static IntStream range(List<StepReport> steps, int from, int to) {
        return IntStream.range(Math.max(1, from), Math.min(to, steps.size()));
    }

    private static String text(double[] deviations) {
        double[] sorted = deviations.clone();
        Arrays.sort(sorted);
        return String.format(Locale.ROOT, "%.2f %% (%.2f %%)", 100 * median(sorted),
                100 * sorted[(int) Math.ceil(0.95 * sorted.length) - 1]);
    }

    private static double deviation(StepReport step, double simulatedSeconds) {
        return Math.abs(simulatedSeconds - step.stepSeconds()) / step.stepSeconds();
    }

    private static double busiest(StepReport step) {
        return step.ranks().stream().mapToDouble(StepReport.RankStep::busySeconds).max().orElse(0);
    }

    /** Seconds from the first grant to the last completion, of the step's micro-batches on the ranks that ran them. */
    private static double simulated(StepReport step, StepReport before, boolean predicted) {
        List<List<Integer>> lengths = step.microBatches().stream().map(StepReport.MicroBatchStep::lengths).toList();
        List<Integer> rankOf = step.microBatches().stream().map(StepReport.MicroBatchStep::rank).toList();
        int numLayers = step.microBatches().getFirst().budgets().size();
        LatencyTable unused = new LatencyTable(numLayers, new SelectedPairs(64, 64, 0), "",
                List.of(new LatencyTable.AttentionPoint(64, 1, 1)), List.of(new LatencyTable.LinearPoint(64, 1)), 0);
        Balancing balancing = new Balancing(new Balancing.Settings(step.ranks().size(), 64,
                new SparsitySettings(1, 1, 1, Anchor.MEAN, 0), new FixedSparsity(), Feedback.OFF,
                new StragglerEstimator.Settings(1.25, 3, 0.2), List.of()), unused.model());
        StepInFlight inFlight = balancing.begin(lengths, rankOf);
        return new SimulatedStep(inFlight, balancing, (i, rank) -> {
            StepReport.MicroBatchStep ran = step.microBatches().get(i);
            double seconds = predicted
                    ? ran.predictedSeconds() * before.ranks().get(rank).speedFactor()
                    : ran.busySeconds();
            return Math.max(1, Math.round(seconds * NANOS_PER_SECOND));
        }).run().nanos() / NANOS_PER_SECOND;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
