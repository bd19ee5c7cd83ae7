package io.sparsebalance.actors.bench;

import io.sparsebalance.policies.Quantiles;
import io.sparsebalance.policies.simulation.ArmResult;
import io.sparsebalance.policies.sparsity.CoverageTable;
import java.util.List;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What the arms measured.
 *
 * @param settings what was asked for
 * @param complete whether every arm ran every step
 * @param latency the latency table in words
 * @param coverage curves that the first arm saw
 */
public record BenchReport(BenchSettings settings, boolean complete, String latency, List<ArmSteps> arms,
        CoverageTable coverage) {
    /** Copies. */
    public BenchReport {
        arms = List.copyOf(arms);
    }

    /**
     * Steps of one arm.
     *
     * @param all warm-up included
     * @param steady without it; at least one
     * @param heldOut at the base budget after the last step: fixed arms were trained for it, {@code dst} for all budgets
     * @param heldOutDense with all blocks
     */
    public record ArmSteps(String arm, List<MeasuredStep> all, List<MeasuredStep> steady, HeldOut heldOut,
            HeldOut heldOutDense) {
        /** Copies. */
        public ArmSteps {
            all = List.copyOf(all);
            steady = List.copyOf(steady);
        }

        /** At the base budget after the last step, nats a token. */
        public OptionalDouble heldOutLoss() {
            return heldOut.loss();
        }

        /** A quantile over the steady steps. */
        public double quantile(ToDoubleFunction<MeasuredStep> value, double q) {
            return Quantiles.quantile(steady.stream().mapToDouble(value).toArray(), q);
        }

        /** A mean over the steady steps. */
        public double mean(ToDoubleFunction<MeasuredStep> value) {
            return steady.stream().mapToDouble(value).average().orElse(Double.NaN);
        }

        /** Median over ranks and steady steps of busy over predicted seconds; 1 if the table holds. */
        public double busyOverPredicted() {
            return Quantiles.median(ratios(1));
        }

        /** Quantile of |predicted - busy| / busy over ranks and steady steps, each rank's median factor taken out. */
        public double predictionError(double q) {
            double factor = busyOverPredicted();
            double[] errors = ratios(factor);
            for (int i = 0; i < errors.length; i++) {
                errors[i] = Math.abs(1 - 1 / errors[i]);
            }
            return Quantiles.quantile(errors, q);
        }

        /** Busy over predicted seconds, over {@code factor}. */
        private double[] ratios(double factor) {
            return steady.stream().flatMapToDouble(step -> IntStream
                    .range(0, step.busySeconds().size()).filter(rank -> step.predictedSeconds().get(rank) > 0)
                    .mapToDouble(rank -> step.busySeconds().get(rank) / step.predictedSeconds().get(rank) / factor))
                    .toArray();
        }
    }

    /** The arms in the form that the simulator's have too, times as medians. */
    public List<ArmResult> results() {
        double baseline = baseline().quantile(MeasuredStep::seconds, 0.5);
        return arms.stream()
                .map(arm -> ArmResult.of(arm.arm(), arm.mean(MeasuredStep::imbalance),
                        arm.quantile(MeasuredStep::seconds, 0.5), baseline,
                        arm.quantile(MeasuredStep::meanBusySeconds, 0.5), arm.mean(MeasuredStep::density),
                        arm.mean(MeasuredStep::coverage), 1e3 * arm.quantile(MeasuredStep::planSeconds, 0.5)))
                .toList();
    }

    /** Seconds of all steady steps of the first arm over those of this arm: what a whole run would gain. */
    public double speedupOfAllSteps(ArmSteps arm) {
        return baseline().mean(MeasuredStep::seconds) / arm.mean(MeasuredStep::seconds);
    }

    /**
     * Median over steps of the first arm's seconds over this arm's in the same step: both ran the same samples within the same minute, so neither the spread
     * between steps nor a machine that grows slower weighs on it. Where {@code sab} looks ahead, the same samples lie in a window, and whole windows are
     * compared.
     */
    public double pairedSpeedup(ArmSteps arm) {
        double[] before = windows(baseline());
        double[] after = windows(arm);
        return Quantiles.median(IntStream.range(0, before.length).mapToDouble(i -> before[i] / after[i]).toArray());
    }

    /** Steady seconds of each look-ahead window; one that a stop cut short holds the same steps in every arm. */
    private double[] windows(ArmSteps arm) {
        int width = settings.config().batch().lookaheadWindow();
        return arm.steady().stream()
                .collect(Collectors.groupingBy(step -> (step.step() - 1) / width, TreeMap::new,
                        Collectors.summingDouble(MeasuredStep::seconds)))
                .values().stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** {@code random/fixed}, or the first arm where that was not asked for. */
    public ArmSteps baseline() {
        return arms.stream().filter(arm -> arm.arm().equals(ArmResult.BASELINE)).findFirst().orElse(arms.getFirst());
    }

    /** Share of decisions in an arm's steps. */
    public static double overhead(ArmSteps arm) {
        return arm.mean(step -> step.planSeconds() / step.seconds());
    }

    /** Share in an arm's steps of those decisions that a step of a run waits for: all but batching, which is done while earlier steps run. */
    public static double waited(ArmSteps arm) {
        return arm.mean(step -> step.waitedSeconds() / step.seconds());
    }
}
