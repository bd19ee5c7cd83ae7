package io.sparsebalance.app.report;

import io.sparsebalance.api.StepReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The pictures of a report, each from the run's steps, at least one. */
final class Pictures {
    private static final int HEIGHT = 260;
    private static final int MAX_BARS = 120;
    private static final int MAX_COLUMNS = 160;
    private static final int MAX_POINTS = 1500;
    private static final int BINS = 32;
    /** Bars are cut at this multiple of the 95th percentile. */
    private static final double CUT = 1.5;

    private final List<StepReport> steps;
    private final double first;
    private final double last;

    Pictures(List<StepReport> steps) {
        this.steps = steps;
        this.first = steps.getFirst().step();
        this.last = steps.getLast().step();
    }

    private Axis stepAxis() {
        return Axis.exact(first, Math.max(last, first + 1), Svg.LEFT, Svg.right());
    }

    /** Loss by step, held-out losses as points. */
    String loss() {
        Svg svg = new Svg(HEIGHT, "Training loss by step, and loss on held-out documents");
        Axis x = stepAxis();
        double high = steps.stream().mapToDouble(StepReport::loss).filter(Double::isFinite).max().orElse(1);
        double low = Math.min(steps.stream().mapToDouble(StepReport::loss).filter(Double::isFinite).min().orElse(0),
                steps.stream().filter(s -> s.heldOutLoss().isPresent()).mapToDouble(s -> s.heldOutLoss().getAsDouble())
                        .min().orElse(high));
        Axis y = Axis.linear(low, high, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "step", "loss, nats a token");
        svg.curve(steps.stream().mapToDouble(s -> x.at((double) s.step())).toArray(),
                steps.stream().mapToDouble(s -> Double.isFinite(s.loss()) ? y.at(s.loss()) : Double.NaN).toArray(),
                "curve");
        for (StepReport step : steps) {
            if (step.heldOutLoss().isPresent() && Double.isFinite(step.heldOutLoss().getAsDouble())) {
                double value = step.heldOutLoss().getAsDouble();
                svg.circle(x.at((double) step.step()), y.at(value), 5, "point",
                        "step " + step.step() + ": held-out loss "
                                + String.format(Locale.ROOT, "%.3f", value));
            }
        }
        return svg.toString();
    }

    /** Busy and wait of each rank, a bar a step. */
    String busyAndWait() {
        // Of several nodes, ranks may have come and gone.
        int numRanks = steps.stream().mapToInt(s -> s.ranks().size()).max().orElse(1);
        int row = Math.max(28, Math.min(90, 360 / numRanks));
        Svg svg = new Svg(Svg.TOP + numRanks * row + Svg.BOTTOM, "Busy and waiting time of each rank in each step");
        List<StepReport> shown = thin(steps, MAX_BARS);
        double[] sorted = shown.stream().flatMap(s -> s.ranks().stream())
                .mapToDouble(r -> r.busySeconds() + r.waitSeconds()).sorted().toArray();
        double longest = sorted[sorted.length - 1];
        // The first steps, in which code is compiled, would flatten all others.
        double top = Math.min(longest, CUT * sorted[(int) (0.95 * (sorted.length - 1))]);
        double width = (double) (Svg.right() - Svg.LEFT) / shown.size();
        for (int rank = 0; rank < numRanks; rank++) {
            double floor = Svg.TOP + (rank + 1.0) * row - 4;
            Axis y = Axis.exact(0, top, 0, row - 8);
            for (int i = 0; i < shown.size(); i++) {
                if (rank >= shown.get(i).ranks().size()) {
                    continue;
                }
                StepReport.RankStep seen = shown.get(i).ranks().get(rank);
                double busy = y.at(Math.min(top, seen.busySeconds()));
                double wait = y.at(Math.min(top, seen.busySeconds() + seen.waitSeconds())) - busy;
                String title = String.format(Locale.ROOT, "step %d, rank %d: busy %.3f s, wait %.3f s",
                        shown.get(i).step(), rank,
                        seen.busySeconds(), seen.waitSeconds());
                double x = Svg.LEFT + i * width;
                svg.rect(x, floor - busy, width * 0.86, busy, "busy", title);
                svg.rect(x, floor - busy - wait, width * 0.86, wait, "wait", title);
            }
            svg.text(Svg.LEFT - 8, floor - row / 2.0 + 8, "end", "rank " + rank);
            svg.line(Svg.LEFT, floor, Svg.right(), floor, "axis");
        }
        svg.text((Svg.LEFT + Svg.right()) / 2.0, Svg.TOP + numRanks * row + 26.0, "middle",
                String.format(Locale.ROOT, "step %d to %d%s; the tallest bar is %.2f s", shown.getFirst().step(),
                        shown.getLast().step(),
                        shown.size() < steps.size() ? ", every " + Math.ceilDiv(steps.size(), MAX_BARS) + ". step" : "",
                        longest) + (top < longest ? String.format(Locale.ROOT, ", cut at %.2f s", top) : ""));
        return svg.toString();
    }

    /** Imbalance by step. */
    String imbalance() {
        Svg svg = new Svg(200, "Imbalance by step: longest busy time over mean busy time");
        Axis x = stepAxis();
        Axis y = Axis.linear(1, steps.stream().mapToDouble(StepReport::imbalance).max().orElse(1.1), svg.bottom(),
                Svg.TOP);
        svg.axes(x, y, "step", "max / mean busy");
        svg.curve(steps.stream().mapToDouble(s -> x.at((double) s.step())).toArray(),
                steps.stream().mapToDouble(s -> y.at(s.imbalance())).toArray(),
                "curve");
        return svg.toString();
    }

    /** Budgets of every micro-batch and layer: a column a step, darker is more. */
    String budgets() {
        List<StepReport> shown = thin(steps, MAX_COLUMNS);
        int microBatches = shown.stream().mapToInt(s -> s.microBatches().size()).max().orElse(1);
        int layers = steps.getFirst().microBatches().getFirst().budgets().size();
        int rows = microBatches * layers;
        double row = Math.max(3, Math.min(16, 320.0 / rows));
        Svg svg = new Svg((int) (Svg.TOP + rows * row + microBatches * 4 + Svg.BOTTOM),
                "Attention budget of each micro-batch and layer by step");
        int most = shown.stream().flatMap(s -> s.microBatches().stream()).flatMap(m -> m.budgets().stream())
                .mapToInt(Integer::intValue).max()
                .orElse(1);
        double width = (double) (Svg.right() - Svg.LEFT) / shown.size();
        for (int m = 0; m < microBatches; m++) {
            double top = Svg.TOP + m * (layers * row + 4);
            svg.text(Svg.LEFT - 8, top + layers * row / 2 + 4, "end", "batch " + m);
            for (int i = 0; i < shown.size(); i++) {
                if (m >= shown.get(i).microBatches().size()) {
                    continue;
                }
                StepReport.MicroBatchStep batch = shown.get(i).microBatches().get(m);
                for (int layer = 0; layer < layers; layer++) {
                    int budget = batch.budgets().get(layer);
                    svg.shade(Svg.LEFT + i * width, top + layer * row, width + 0.2, row, 0.08 + 0.92 * budget / most,
                            "step " + shown.get(i).step() + ", layer " + layer + ": " + budget + " blocks, density "
                                    + String.format(Locale.ROOT, "%.0f %%", 100 * batch.density()));
                }
            }
        }
        svg.text((Svg.LEFT + Svg.right()) / 2.0, Svg.TOP + rows * row + microBatches * 4 + 24, "middle",
                "step " + shown.getFirst().step() + " to " + shown.getLast().step()
                        + "; in each band the first layer is on top; darkest is " + most
                        + " blocks");
        return svg.toString();
    }

    /** Predicted against measured busy time of each micro-batch. */
    String predictions() {
        List<StepReport.MicroBatchStep> batches = new ArrayList<>();
        // The first tenth is compilation, not the model's error.
        steps.stream().skip(steps.size() / 10).forEach(s -> batches.addAll(s.microBatches()));
        List<StepReport.MicroBatchStep> shown = thin(
                batches.stream().filter(b -> b.predictedSeconds() > 0 && b.busySeconds() > 0).toList(),
                MAX_POINTS);
        Svg svg = new Svg(360, "Predicted against measured busy time of each micro-batch");
        double low = shown.stream().mapToDouble(b -> Math.min(b.predictedSeconds(), b.busySeconds())).min().orElse(0.1);
        double high = shown.stream().mapToDouble(b -> Math.max(b.predictedSeconds(), b.busySeconds())).max().orElse(1);
        Axis x = Axis.logarithmic(low, high, Svg.LEFT, Svg.right());
        Axis y = Axis.logarithmic(low, high, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "predicted, s", "measured, s");
        svg.line(x.at(low), y.at(low), x.at(high), y.at(high), "ideal");
        for (StepReport.MicroBatchStep batch : shown) {
            svg.circle(x.at(batch.predictedSeconds()), y.at(batch.busySeconds()), 2.6,
                    batch.rank() % 2 == 0 ? "dot" : "dot other",
                    String.format(Locale.ROOT, "rank %d: predicted %.3f s, measured %.3f s", batch.rank(),
                            batch.predictedSeconds(),
                            batch.busySeconds()));
        }
        return svg.toString();
    }

    /** How long the samples are, in logarithmic bins. */
    String lengths() {
        double[] lengths = steps.stream().flatMap(s -> s.microBatches().stream()).flatMap(b -> b.lengths().stream())
                .mapToDouble(Integer::doubleValue).sorted().toArray();
        Svg svg = new Svg(200, "Histogram of sample lengths");
        Axis x = Axis.logarithmic(Math.max(1, lengths[0]), lengths[lengths.length - 1], Svg.LEFT, Svg.right());
        int[] counts = new int[BINS];
        for (double length : lengths) {
            double share = (x.at(length) - Svg.LEFT) / (Svg.right() - Svg.LEFT);
            counts[(int) Math.min(BINS - 1, share * BINS)]++;
        }
        int most = java.util.Arrays.stream(counts).max().orElse(1);
        Axis y = Axis.linear(0, most, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "tokens of a sample", "samples");
        double width = (double) (Svg.right() - Svg.LEFT) / BINS;
        for (int i = 0; i < BINS; i++) {
            svg.rect(Svg.LEFT + i * width, y.at(counts[i]), width - 1, svg.bottom() - y.at(counts[i]), "busy",
                    counts[i] + " samples");
        }
        return svg.toString();
    }

    private static <T> List<T> thin(List<T> all, int most) {
        if (all.size() <= most) {
            return all;
        }
        int every = Math.ceilDiv(all.size(), most);
        List<T> kept = new ArrayList<>();
        for (int i = 0; i < all.size(); i += every) {
            kept.add(all.get(i));
        }
        return kept;
    }
}
