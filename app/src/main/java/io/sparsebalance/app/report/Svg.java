package io.sparsebalance.app.report;

import java.util.Locale;

/** Builds one picture. Colours are classes of the page's style sheet, so that they follow the reader's light or dark scheme. */
final class Svg {
    static final int WIDTH = 860;
    static final int LEFT = 64;
    static final int RIGHT = 20;
    static final int TOP = 14;
    static final int BOTTOM = 44;

    private final int height;
    private final StringBuilder body = new StringBuilder();

    Svg(int height, String description) {
        this.height = height;
        body.append("<desc>").append(Html.escape(description)).append("</desc>");
    }

    /** Right end of the plot. */
    static int right() {
        return WIDTH - RIGHT;
    }

    /** Lower end of the plot. */
    int bottom() {
        return height - BOTTOM;
    }

    Svg line(double x1, double y1, double x2, double y2, String style) {
        body.append(String.format(Locale.ROOT, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                style, x1, y1, x2, y2));
        return this;
    }

    Svg rect(double x, double y, double width, double rectHeight, String style, String title) {
        body.append(String.format(Locale.ROOT,
                "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">%s</rect>", style, x,
                y, Math.max(0, width), Math.max(0, rectHeight), title(title)));
        return this;
    }

    /** A rectangle with an opacity from 0 to 1. */
    Svg shade(double x, double y, double width, double rectHeight, double opacity, String title) {
        body.append(String.format(Locale.ROOT,
                "<rect class=\"heat\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill-opacity=\"%.3f\">%s</rect>",
                x, y, width,
                rectHeight, opacity, title(title)));
        return this;
    }

    Svg circle(double x, double y, double radius, String style, String title) {
        body.append(String.format(Locale.ROOT, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">%s</circle>",
                style, x, y, radius,
                title(title)));
        return this;
    }

    Svg text(double x, double y, String anchor, String text) {
        body.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x, y, anchor,
                Html.escape(text)));
        return this;
    }

    /** A curve through points; values that are not numbers break it. */
    Svg curve(double[] xs, double[] ys, String style) {
        StringBuilder path = new StringBuilder();
        boolean pen = false;
        for (int i = 0; i < xs.length; i++) {
            if (Double.isNaN(ys[i])) {
                pen = false;
                continue;
            }
            path.append(String.format(Locale.ROOT, "%s%.1f %.1f", pen ? "L" : "M", xs[i], ys[i]));
            pen = true;
        }
        body.append("<path class=\"").append(style).append("\" d=\"").append(path).append("\"/>");
        return this;
    }

    /** Grid, labels and names of both axes. */
    Svg axes(Axis x, Axis y, String xName, String yName) {
        for (double tick : y.ticks()) {
            line(LEFT, y.at(tick), right(), y.at(tick), "grid");
            text(LEFT - 6, y.at(tick) + 4, "end", Axis.label(tick));
        }
        for (double tick : x.ticks()) {
            text(x.at(tick), bottom() + 16, "middle", Axis.label(tick));
        }
        line(LEFT, bottom(), right(), bottom(), "axis");
        text((LEFT + right()) / 2.0, height - 8, "middle", xName);
        body.append(String.format(Locale.ROOT,
                "<text transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>",
                (TOP + bottom()) / 2.0, Html.escape(yName)));
        return this;
    }

    private static String title(String title) {
        return title.isEmpty() ? "" : "<title>" + Html.escape(title) + "</title>";
    }

    /** As a part of a page. */
    @Override
    public String toString() {
        return "<svg viewBox=\"0 0 " + WIDTH + " " + height + "\" role=\"img\">" + body + "</svg>";
    }

    /** As a file of its own. */
    String standalone() {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + WIDTH + " " + height
                + "\" font-family=\"sans-serif\">\n<style>\n" + Page.STYLE + "</style>\n"
                + body.toString().replace("><", ">\n<") + "\n</svg>\n";
    }
}
