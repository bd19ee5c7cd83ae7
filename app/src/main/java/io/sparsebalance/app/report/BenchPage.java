package io.sparsebalance.app.report;

import io.sparsebalance.actors.bench.BenchReport;
import io.sparsebalance.actors.bench.MeasuredStep;
import io.sparsebalance.policies.simulation.ArmResult;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** One page about one comparison of arms. */
public final class BenchPage {
    private static final int HEIGHT = 260;
    private static final int SMOOTHED = 40;
    private static final int COLOURS = 7;

    private final BenchReport report;
    private final List<BenchReport.ArmSteps> arms;

    /** Of arms with at least one steady step each. */
    public BenchPage(BenchReport report) {
        this.report = report;
        this.arms = report.arms();
    }

    /**
     * The page.
     *
     * @param conditions what was measured and how, in plain words
     */
    public String html(String conditions) {
        return Page.begin("Balance, arm by arm", "SparseBalance bench balance") + "<p>" + Html.escape(conditions)
                + "</p>\n" + table()
                + Page.section("Busy and waiting",
                        "Mean of each rank over the steps. <span class=\"key\" style=\"background:var(--busy)\"></span>busy"
                                + "<span class=\"key\" style=\"background:var(--wait)\"></span>waiting for the slowest rank.",
                        busyAndWait().toString())
                + Page.section("Time of a step", "From the first to the last quarter of the steps, median as a point.",
                        spread())
                + Page.section("Imbalance",
                        "Longest over mean busy time of the ranks, moving mean; 1 is even. " + key(),
                        curves(MeasuredStep::imbalance, "max / mean busy", 1))
                + Page.section("Density", "Computed over causal pairs, moving mean. " + key(),
                        curves(MeasuredStep::density, "density", 0))
                + Page.section("Coverage", "Share of the router's probability that was kept, moving mean. " + key(),
                        curves(MeasuredStep::coverage, "coverage", 0))
                + Page.section("Loss", "Of the step's global batch, moving mean; all arms see the same samples. "
                        + key(), curves(MeasuredStep::loss, "nats a token", Double.NaN))
                + Page.END;
    }

    private String table() {
        StringBuilder text = new StringBuilder("<table><tr>");
        for (String name : new String[]{"arm", "imbalance", "step s", "quarters", "speed-up", "all steps",
            "paired", "ideal", "density", "coverage", "plan ms", "overhead", "waited", "held-out loss"}) {
            text.append("<th>").append(name).append("</th>");
        }
        List<ArmResult> results = report.results();
        for (int i = 0; i < results.size(); i++) {
            ArmResult result = results.get(i);
            BenchReport.ArmSteps arm = arms.get(i);
            text.append(String.format(Locale.ROOT,
                    "</tr>%n<tr><td>%s</td><td>%.3f</td><td>%.4f</td><td>%.4f to %.4f</td><td>%.3f</td><td>%.3f</td>"
                            + "<td>%.3f</td><td>%.3f</td><td>%.1f %%</td><td>%.1f %%</td><td>%.2f</td><td>%.2f %%</td><td>%.2f %%</td><td>%s</td>",
                    Html.escape(result.arm()), result.imbalance(), result.stepSeconds(),
                    arm.quantile(MeasuredStep::seconds, 0.25), arm.quantile(MeasuredStep::seconds, 0.75),
                    result.speedup(), report.speedupOfAllSteps(arm), report.pairedSpeedup(arm), result.idealSpeedup(),
                    100 * result.density(), 100 * result.coverage(), result.planMillis(),
                    100 * BenchReport.overhead(arm), 100 * BenchReport.waited(arm),
                    arm.heldOutLoss().isPresent()
                            ? String.format(Locale.ROOT, "%.4f", arm.heldOutLoss().getAsDouble())
                            : "-"));
        }
        return text.append("</tr></table>\n").toString();
    }

    private String key() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < arms.size(); i++) {
            text.append(
                    "<span style=\"white-space:nowrap\"><svg style=\"width:1.4em;height:.7em;background:none\" viewBox=\"0 0 14 7\"><line class=\"arm a")
                    .append(i % COLOURS).append("\" x1=\"0\" y1=\"4\" x2=\"14\" y2=\"4\"/></svg> ")
                    .append(Html.escape(arms.get(i).arm())).append("</span> &nbsp; ");
        }
        return text.toString();
    }

    /** Busy and waiting time of each rank in each arm, as an SVG file. */
    public String busyPicture() {
        return busyAndWait().standalone();
    }

    private Svg busyAndWait() {
        int numRanks = report.settings().numRanks();
        int row = Math.max(6, Math.min(18, 120 / numRanks));
        int band = numRanks * row + 14;
        Svg svg = new Svg(Svg.TOP + arms.size() * band + Svg.BOTTOM, "Busy and waiting time of each rank in each arm");
        int left = Svg.LEFT + 50;
        double longest = arms.stream().mapToDouble(arm -> longest(arm, numRanks)).max().orElse(1);
        Axis x = Axis.linear(0, longest, left, Svg.right());
        for (double tick : x.ticks()) {
            svg.line(x.at(tick), Svg.TOP, x.at(tick), svg.bottom(), "grid");
            svg.text(x.at(tick), svg.bottom() + 16, "middle", Axis.label(tick));
        }
        for (int i = 0; i < arms.size(); i++) {
            double top = Svg.TOP + i * (double) band;
            svg.text(left - 8, top + numRanks * row / 2.0 + 4, "end", arms.get(i).arm());
            for (int rank = 0; rank < numRanks; rank++) {
                int number = rank;
                double busy = arms.get(i).mean(step -> step.busySeconds().get(number));
                double wait = arms.get(i).mean(step -> step.waitSeconds().get(number));
                String title = String.format(Locale.ROOT, "%s, rank %d: busy %.4f s, wait %.4f s", arms.get(i).arm(),
                        rank, busy, wait);
                svg.rect(left, top + rank * (double) row, x.at(busy) - left, row - 1, "busy", title);
                svg.rect(x.at(busy), top + rank * (double) row, x.at(busy + wait) - x.at(busy), row - 1, "wait",
                        title);
            }
        }
        svg.text((left + Svg.right()) / 2.0, svg.bottom() + 36, "middle", "seconds");
        return svg;
    }

    private static double longest(BenchReport.ArmSteps arm, int numRanks) {
        double longest = 0;
        for (int rank = 0; rank < numRanks; rank++) {
            int number = rank;
            longest = Math.max(longest,
                    arm.mean(step -> step.busySeconds().get(number) + step.waitSeconds().get(number)));
        }
        return longest;
    }

    private String spread() {
        int row = 22;
        Svg svg = new Svg(Svg.TOP + arms.size() * row + Svg.BOTTOM, "Seconds of a step in each arm");
        int left = Svg.LEFT + 50;
        double high = arms.stream().mapToDouble(arm -> arm.quantile(MeasuredStep::seconds, 0.75)).max().orElse(1);
        Axis x = Axis.linear(0, high, left, Svg.right());
        for (double tick : x.ticks()) {
            svg.line(x.at(tick), Svg.TOP, x.at(tick), svg.bottom(), "grid");
            svg.text(x.at(tick), svg.bottom() + 16, "middle", Axis.label(tick));
        }
        for (int i = 0; i < arms.size(); i++) {
            BenchReport.ArmSteps arm = arms.get(i);
            double y = Svg.TOP + (i + 0.5) * row;
            double low = arm.quantile(MeasuredStep::seconds, 0.25);
            double middle = arm.quantile(MeasuredStep::seconds, 0.5);
            double top = arm.quantile(MeasuredStep::seconds, 0.75);
            String title = String.format(Locale.ROOT, "%s: %.4f s, quarters %.4f to %.4f s", arm.arm(), middle, low,
                    top);
            svg.text(left - 8, y + 4, "end", arm.arm());
            svg.rect(x.at(low), y - 5, x.at(top) - x.at(low), 10, "busy", title);
            svg.circle(x.at(middle), y, 4, "point", title);
        }
        svg.text((left + Svg.right()) / 2.0, svg.bottom() + 36, "middle", "seconds");
        return svg.toString();
    }

    private String curves(ToDoubleFunction<MeasuredStep> value, String name, double least) {
        Svg svg = new Svg(HEIGHT, name + " by step in each arm");
        int numSteps = arms.getFirst().all().size();
        Axis x = Axis.exact(1, Math.max(2, numSteps), Svg.LEFT, Svg.right());
        double[][] means = arms.stream().map(arm -> movingMean(arm.all(), value)).toArray(double[][]::new);
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (double[] mean : means) {
            for (double v : mean) {
                low = Math.min(low, v);
                high = Math.max(high, v);
            }
        }
        Axis y = Axis.linear(Double.isNaN(least) ? low : Math.min(least, low), high, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "step", name);
        for (int i = 0; i < means.length; i++) {
            double[] xs = new double[numSteps];
            double[] ys = new double[numSteps];
            for (int step = 0; step < numSteps; step++) {
                xs[step] = x.at(step + 1.0);
                ys[step] = y.at(means[i][step]);
            }
            svg.curve(xs, ys, "arm a" + i % COLOURS);
        }
        return svg.toString();
    }

    private static double[] movingMean(List<MeasuredStep> steps, ToDoubleFunction<MeasuredStep> value) {
        int width = Math.max(1, steps.size() / SMOOTHED);
        double[] means = new double[steps.size()];
        for (int i = 0; i < means.length; i++) {
            int from = Math.max(0, i - width + 1);
            means[i] = steps.subList(from, i + 1).stream().mapToDouble(value).average().orElse(Double.NaN);
        }
        return means;
    }
}
