package io.sparsebalance.app;

import io.sparsebalance.actors.bench.BenchReport;
import io.sparsebalance.actors.bench.HeldOut;
import io.sparsebalance.actors.bench.MeasuredStep;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.policies.simulation.ArmResult;
import io.sparsebalance.policies.workload.Workload;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A comparison of arms as text. */
final class BenchText {
    private BenchText() {
    }

    /** What was measured and how, in plain words. */
    static String conditions(BenchReport report) {
        TrainingConfig config = report.settings().config();
        int steady = report.arms().getFirst().steady().size();
        String how = report.settings().timeMultiplexed()
                ? report.settings().numRanks() + " ranks time-multiplexed on one device: their micro-batches ran one"
                        + " after the other, each alone and measured; the time of a step is the slowest rank's sum and"
                        + " the measured update, without a reduce. These are not times of "
                        + report.settings().numRanks() + " devices at once."
                : report.settings().numRanks() + " ranks at once, each on its own device in this process; the time of a"
                        + " step is the wall clock's, reduce and update included.";
        return (report.complete() ? "" : "Incomplete: it was stopped. ") + how
                + report.settings().checkpoints().map(directory -> " All arms began from the checkpoint in " + directory
                        + ".").orElse(" All arms began from the same initial parameters.")
                + (report.settings().takeOver()
                        ? ""
                        : " No rank took another's micro-batches over, so that arms differ by their plans alone.")
                + report.settings().lengths().map(lengths -> samples(report, lengths)).orElse("")
                + String.format(Locale.ROOT,
                        " %d samples in %d micro-batches a step, sab looks ahead over %d step(s), budget %d x %d tokens, anchor %s, guard %s. %d steps of"
                                + " each arm after a warm-up of %d, arms in turns within each step. Overhead is the share of all decisions in a"
                                + " step's time, waited of those that a step of a run waits for: batches are made while earlier steps run."
                                + " Latency table: %s.",
                        config.batch().samplesPerStep(), config.batch().microBatchesPerStep(),
                        config.batch().lookaheadWindow(), config.attention().kBase(), config.attention().block(),
                        config.balance().anchor().name().toLowerCase(Locale.ROOT).replace('_', '-'),
                        config.balance().guard(), steady, report.arms().getFirst().all().size() - steady,
                        report.latency());
    }

    private static String samples(BenchReport report, Workload lengths) {
        return " Documents of " + lengths.label() + ", up to "
                + report.settings().config().data().maxDocumentTokens()
                + " tokens, drawn at random, so losses mean nothing"
                + (report.settings().sharesReplica() ? ", and all arms took turns on one replica." : ".");
    }

    /** For people. */
    static String table(BenchReport report) {
        StringBuilder text = new StringBuilder(conditions(report)).append("\n\n").append(ArmTable.header())
                .append("        quarters, s  all steps  paired  overhead (waited)  busy/table  table error (p95)  held-out loss\n");
        List<ArmResult> results = report.results();
        for (int i = 0; i < results.size(); i++) {
            BenchReport.ArmSteps arm = report.arms().get(i);
            text.append(ArmTable.row(results.get(i)))
                    .append(String.format(Locale.ROOT,
                            "  %7.4f to %7.4f  %9.3f  %6.3f  %6.2f %% (%4.2f %%)  %10.3f  %6.1f %% (%5.1f %%)  %13s%n",
                            arm.quantile(MeasuredStep::seconds, 0.25), arm.quantile(MeasuredStep::seconds, 0.75),
                            report.speedupOfAllSteps(arm), report.pairedSpeedup(arm), 100 * BenchReport.overhead(arm),
                            100 * BenchReport.waited(arm),
                            arm.busyOverPredicted(),
                            100 * arm.predictionError(0.5),
                            100 * arm.predictionError(0.95),
                            arm.heldOutLoss().isPresent()
                                    ? String.format(Locale.ROOT, "%.4f", arm.heldOutLoss().getAsDouble())
                                    : "-"));
        }
        return text.append(heldOut(report)).toString();
    }

    /** Differences that are not zero by construction: arms of fixed budgets train alike. */
    private static String heldOut(BenchReport report) {
        HeldOut base = report.baseline().heldOut();
        if (base.loss().isEmpty()) {
            return "";
        }
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT,
                "%nheld-out loss over %s, the same %d samples, with its standard error over them; at the base budget | with"
                        + " all blocks (%.4f)%n",
                report.baseline().arm(), base.targets().size(),
                report.baseline().heldOutDense().loss().orElse(Double.NaN)));
        for (BenchReport.ArmSteps arm : report.arms()) {
            text.append(String.format(Locale.ROOT, "%-12s  %s | %s%n", arm.arm(), percent(arm.heldOut().over(base)),
                    percent(arm.heldOutDense().over(report.baseline().heldOutDense()))));
        }
        return text.toString();
    }

    private static String percent(HeldOut.Difference difference) {
        return String.format(Locale.ROOT, "%+.3f %% +- %.3f %%", 100 * difference.relative(),
                100 * difference.standardError());
    }

    /** For programs. */
    static String json(BenchReport report) {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("conditions", conditions(report));
        settings.put("complete", report.complete());
        settings.put("timeMultiplexed", report.settings().timeMultiplexed());
        settings.put("ranks", report.settings().numRanks());
        settings.put("steps", report.arms().getFirst().steady().size());
        Map<String, Object> more = new LinkedHashMap<>();
        for (BenchReport.ArmSteps arm : report.arms()) {
            Map<String, Object> values = new LinkedHashMap<>();
            values.put("heldOutLoss", arm.heldOutLoss());
            values.put("heldOut", arm.heldOut());
            values.put("heldOutDense", arm.heldOutDense());
            values.put("stepSecondsQuarters", List.of(arm.quantile(MeasuredStep::seconds, 0.25),
                    arm.quantile(MeasuredStep::seconds, 0.75)));
            values.put("speedupOfAllSteps", report.speedupOfAllSteps(arm));
            values.put("pairedSpeedup", report.pairedSpeedup(arm));
            values.put("overhead", BenchReport.overhead(arm));
            values.put("overheadWaited", BenchReport.waited(arm));
            values.put("busyOverPredicted", arm.busyOverPredicted());
            values.put("tableErrorMedian", arm.predictionError(0.5));
            values.put("tableErrorP95", arm.predictionError(0.95));
            values.put("eachStep", arm.steady());
            more.put(arm.arm(), values);
        }
        settings.put("measured", more);
        return ArmTable.json(settings, report.results());
    }
}
