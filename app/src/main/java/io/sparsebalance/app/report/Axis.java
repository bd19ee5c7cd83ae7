package io.sparsebalance.app.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A scale from values to pixels with round tick marks, linear or logarithmic. */
final class Axis {
    private static final int TICKS = 5;

    private final double low;
    private final double high;
    private final double from;
    private final double to;
    private final boolean logarithmic;

    private Axis(double low, double high, double from, double to, boolean logarithmic) {
        this.low = low;
        this.high = high;
        this.from = from;
        this.to = to;
        this.logarithmic = logarithmic;
    }

    /** Linear, widened to round numbers. */
    static Axis linear(double low, double high, double from, double to) {
        double step = step(low, high);
        return new Axis(Math.floor(low / step) * step, Math.ceil(high / step) * step, from, to, false);
    }

    /** Linear, exactly these ends. */
    static Axis exact(double low, double high, double from, double to) {
        return new Axis(low, high > low ? high : low + 1, from, to, false);
    }

    /** Logarithmic, widened to powers of ten divided by two or five. */
    static Axis logarithmic(double low, double high, double from, double to) {
        return new Axis(low * 0.9, Math.max(high, low * 1.01) * 1.1, from, to, true);
    }

    private static double step(double low, double high) {
        double span = high > low ? high - low : Math.max(Math.abs(high), 1);
        double raw = span / TICKS;
        double power = Math.pow(10, Math.floor(Math.log10(raw)));
        double lead = raw / power;
        return power * (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1);
    }

    double low() {
        return low;
    }

    double high() {
        return high;
    }

    /** Pixel of a value. */
    double at(double value) {
        double share = logarithmic
                ? (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
                : (value - low) / (high > low ? high - low : 1);
        return from + Math.max(0, Math.min(1, share)) * (to - from);
    }

    /** Values to label. */
    List<Double> ticks() {
        List<Double> ticks = new ArrayList<>();
        if (logarithmic) {
            for (double power = Math.pow(10, Math.floor(Math.log10(low))); power <= high; power *= 10) {
                for (int lead : new int[]{1, 2, 5}) {
                    if (power * lead >= low && power * lead <= high) {
                        ticks.add(power * lead);
                    }
                }
            }
            return ticks;
        }
        double step = step(low, high);
        for (double value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) {
            ticks.add(value);
        }
        return ticks;
    }

    /** A short text for a value. */
    static String label(double value) {
        double size = Math.abs(value);
        if (size >= 10_000) {
            return String.format(Locale.ROOT, "%.0fk", value / 1000);
        }
        if (size == 0 || size >= 10 || value == Math.rint(value)) {
            return String.format(Locale.ROOT, "%.0f", value);
        }
        return String.format(Locale.ROOT, size >= 1 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.3f", value);
    }
}
