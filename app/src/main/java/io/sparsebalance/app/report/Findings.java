package io.sparsebalance.app.report;

import io.sparsebalance.api.StepReport;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** Figures of a run and what they mean, in plain words. The first tenth, in which code is compiled, is left out of means. */
final class Findings {
    private final List<StepReport> all;
    private final List<StepReport> steady;

    Findings(List<StepReport> steps) {
        this.all = steps;
        this.steady = steps.subList(steps.size() / 10, steps.size());
    }

    double mean(ToDoubleFunction<StepReport> value) {
        return steady.stream().mapToDouble(value).average().orElse(0);
    }

    /** Share of the ranks' time spent waiting. */
    double waitShare() {
        double busy = mean(s -> s.ranks().stream().mapToDouble(StepReport.RankStep::busySeconds).sum());
        double wait = mean(s -> s.ranks().stream().mapToDouble(StepReport.RankStep::waitSeconds).sum());
        return busy + wait > 0 ? wait / (busy + wait) : 0;
    }

    /** Error of the latency table, corrected by each rank's speed, at a share of the micro-batches. */
    double predictionError(double share) {
        double[] errors = steady.stream()
                .flatMap(s -> s.microBatches().stream()
                        .filter(b -> b.busySeconds() > 0 && b.predictedSeconds() > 0)
                        .map(b -> Math
                                .abs(b.predictedSeconds() * s.ranks().get(b.rank()).speedFactor() - b.busySeconds())
                                / b.busySeconds()))
                .mapToDouble(Double::doubleValue).sorted().toArray();
        return errors.length == 0 ? 0 : errors[(int) Math.min(errors.length - 1, share * errors.length)];
    }

    String headline() {
        StepReport last = all.getLast();
        String heldOut = all.stream().filter(s -> s.heldOutLoss().isPresent()).reduce((a, b) -> b)
                .map(s -> tile(String.format(Locale.ROOT, "%.3f", s.heldOutLoss().getAsDouble()),
                        "held-out loss, nats a token"))
                .orElse("");
        return tile(String.valueOf(last.step()), "steps") + heldOut
                + tile(String.format(Locale.ROOT, "%.3f", mean(StepReport::imbalance)), "imbalance, 1 is even")
                + tile(String.format(Locale.ROOT, "%.0f %%", 100 * mean(StepReport::density)), "density")
                + tile(String.format(Locale.ROOT, "%,.0f", mean(StepReport::tokensPerSecond)), "tokens a second");
    }

    private static String tile(String value, String name) {
        return "<div class=\"tile\"><b>" + value + "</b><span>" + name + "</span></div>";
    }

    String summary() {
        StepReport first = all.getFirst();
        StepReport last = all.getLast();
        String loss = String.format(Locale.ROOT, "The loss went from %.3f to %.3f nats a token in %d steps. ",
                first.loss(), last.loss(),
                last.step());
        String balance = String.format(Locale.ROOT,
                "On average the slowest rank was busy %.1f %% longer than the mean, and ranks spent %.1f %% of their time waiting. ",
                100 * (mean(StepReport::imbalance) - 1), 100 * waitShare());
        String causes = steady.stream().filter(s -> !s.slowestCause().equals("even"))
                .collect(Collectors.groupingBy(StepReport::slowestCause, java.util.TreeMap::new, Collectors.counting()))
                .entrySet().stream()
                .map(e -> e.getValue() + " times " + e.getKey()).collect(Collectors.joining(", "));
        String cause = causes.isEmpty() ? "" : "Where one rank was slower, the cause was: " + causes + ". ";
        String attention = String.format(Locale.ROOT,
                "Attention computed %.0f %% of the causal pairs (the base budget would compute %.0f %%) and kept %.0f %% of the router's"
                        + " probability. ",
                100 * mean(StepReport::density), 100 * mean(StepReport::baseDensity), 100 * mean(StepReport::coverage));
        String prediction = String
                .format(Locale.ROOT,
                        "Predicted busy time, corrected by each rank's speed, was off by %.1f %% in the median and"
                                + " %.1f %% at the 95th percentile. ",
                        100 * predictionError(0.5), 100 * predictionError(0.95));
        long[] stragglers = all.stream().flatMap(s -> s.ranks().stream()).filter(StepReport.RankStep::straggler)
                .mapToLong(StepReport.RankStep::rank)
                .distinct().toArray();
        String straggler = stragglers.length == 0
                ? "No rank was a straggler."
                : "Flagged as stragglers: rank " + Arrays.toString(stragglers) + ".";
        return loss + balance + cause + attention + prediction + straggler;
    }
}
