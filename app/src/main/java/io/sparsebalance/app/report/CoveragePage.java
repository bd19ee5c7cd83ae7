package io.sparsebalance.app.report;

import io.sparsebalance.actors.bench.CoveragePoint;
import io.sparsebalance.policies.Quantiles;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/** One page on how well the router's coverage stands for attention mass. */
public final class CoveragePage {
    private static final int SIDE = 420;
    private static final int HEIGHT = 240;

    private final List<CoveragePoint> points;
    private final int numLayers;

    /** Of at least one point. */
    public CoveragePage(List<CoveragePoint> points) {
        this.points = points;
        this.numLayers = points.stream().mapToInt(CoveragePoint::layer).max().orElse(0) + 1;
    }

    /**
     * The page.
     *
     * @param conditions what was measured and how, in plain words
     */
    public String html(String conditions) {
        StringBuilder html = new StringBuilder(
                Page.begin("Coverage and attention mass", "SparseBalance bench coverage"))
                .append("<p>").append(Html.escape(conditions)).append("</p>\n").append(table())
                .append(Page.section("All documents, layers and budgets",
                        "Each point is a document in one layer at one budget. On the dashed line the router's coverage is"
                                + " the true mass; above it, attention keeps more than the router says.",
                        scatter().toString()));
        for (int layer = 0; layer < numLayers; layer++) {
            html.append(Page.section("Layer " + layer,
                    "Mean over documents by budget: <b style=\"color:var(--busy)\">router coverage</b> and"
                            + " <b style=\"color:var(--alt)\">true mass</b>.",
                    curves(layer)));
        }
        return html.append(Page.END).toString();
    }

    /** Correlation and difference of each layer, as text lines. */
    public String summary() {
        StringBuilder text = new StringBuilder();
        for (int layer = 0; layer < numLayers; layer++) {
            List<CoveragePoint> of = ofLayer(layer);
            text.append(String.format(Locale.ROOT,
                    "layer %d: router coverage %.3f, true mass %.3f, median difference %+.3f, rank correlation %.3f%n",
                    layer, mean(of, CoveragePoint::routerCoverage), mean(of, CoveragePoint::trueMass), difference(of),
                    correlation(of)));
        }
        return text.toString();
    }

    private List<CoveragePoint> ofLayer(int layer) {
        return points.stream().filter(point -> point.layer() == layer).toList();
    }

    private static double mean(List<CoveragePoint> of, ToDoubleFunction<CoveragePoint> value) {
        return of.stream().mapToDouble(value).average().orElse(Double.NaN);
    }

    private static double difference(List<CoveragePoint> of) {
        return Quantiles.median(of.stream().mapToDouble(p -> p.trueMass() - p.routerCoverage()).toArray());
    }

    /** Spearman's: the correlation of ranks, 1 if more coverage always is more mass. */
    private static double correlation(List<CoveragePoint> of) {
        double[] x = ranks(of.stream().mapToDouble(CoveragePoint::routerCoverage).toArray());
        double[] y = ranks(of.stream().mapToDouble(CoveragePoint::trueMass).toArray());
        double middle = (of.size() - 1) / 2.0;
        double both = 0;
        double xs = 0;
        double ys = 0;
        for (int i = 0; i < x.length; i++) {
            both += (x[i] - middle) * (y[i] - middle);
            xs += (x[i] - middle) * (x[i] - middle);
            ys += (y[i] - middle) * (y[i] - middle);
        }
        return both / Math.sqrt(xs * ys);
    }

    private static double[] ranks(double[] values) {
        Integer[] order = new Integer[values.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(values[a], values[b]));
        double[] ranks = new double[values.length];
        for (int i = 0; i < order.length; i++) {
            ranks[order[i]] = i;
        }
        return ranks;
    }

    private String table() {
        StringBuilder text = new StringBuilder("<table><tr><th>layer</th><th>router coverage</th><th>true mass</th>"
                + "<th>median difference</th><th>rank correlation</th></tr>");
        for (int layer = 0; layer < numLayers; layer++) {
            List<CoveragePoint> of = ofLayer(layer);
            text.append(String.format(Locale.ROOT,
                    "%n<tr><td>%d</td><td>%.3f</td><td>%.3f</td><td>%+.3f</td><td>%.3f</td></tr>", layer,
                    mean(of, CoveragePoint::routerCoverage), mean(of, CoveragePoint::trueMass), difference(of),
                    correlation(of)));
        }
        return text.append("</table>\n").toString();
    }

    /** Coverage against mass, as an SVG file. */
    public String picture() {
        return scatter().standalone();
    }

    private Svg scatter() {
        Svg svg = new Svg(SIDE, "True attention mass by router coverage");
        Axis x = Axis.exact(0, 1, Svg.LEFT, Svg.right());
        Axis y = Axis.exact(0, 1, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "router coverage", "true attention mass");
        svg.line(x.at(0), y.at(0), x.at(1), y.at(1), "ideal");
        for (CoveragePoint point : points) {
            svg.circle(x.at(point.routerCoverage()), y.at(point.trueMass()), 3, "dot", String.format(Locale.ROOT,
                    "layer %d, %d tokens, budget %d: coverage %.3f, mass %.3f", point.layer(), point.length(),
                    point.budget(), point.routerCoverage(), point.trueMass()));
        }
        return svg;
    }

    private String curves(int layer) {
        SortedMap<Integer, List<CoveragePoint>> byBudget = new TreeMap<>();
        for (CoveragePoint point : ofLayer(layer)) {
            byBudget.computeIfAbsent(point.budget(), b -> new ArrayList<>()).add(point);
        }
        Svg svg = new Svg(HEIGHT, "Coverage and mass by budget in layer " + layer);
        Axis x = Axis.logarithmic(byBudget.firstKey(), byBudget.lastKey(), Svg.LEFT, Svg.right());
        Axis y = Axis.exact(0, 1, svg.bottom(), Svg.TOP);
        svg.axes(x, y, "budget, blocks", "share kept");
        double[] xs = byBudget.keySet().stream().mapToDouble(budget -> x.at((double) budget)).toArray();
        svg.curve(xs, byBudget.values().stream().mapToDouble(of -> y.at(mean(of, CoveragePoint::routerCoverage)))
                .toArray(), "arm a1");
        svg.curve(xs,
                byBudget.values().stream().mapToDouble(of -> y.at(mean(of, CoveragePoint::trueMass))).toArray(),
                "arm a5");
        return svg.toString();
    }
}
