package io.sparsebalance.policies.cost;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * A non-decreasing piecewise-linear curve through measured points, made monotone by isotonic regression (pool adjacent
 * violators, Ayer et al. 1955). Below the first point it goes straight to the origin, above the last it goes on in
 * proportion.
 */
final class MonotoneCurve {
    private final double[] x;
    private final double[] y;

    /** From at least one point with positive x; order does not matter, equal x are averaged. */
    MonotoneCurve(double[] xs, double[] ys) {
        int[] order = IntStream.range(0, xs.length).boxed().sorted(Comparator.comparingDouble(i -> xs[i]))
                .mapToInt(Integer::intValue).toArray();
        double[] sortedX = Arrays.stream(order).mapToDouble(i -> xs[i]).toArray();
        double[] sortedY = Arrays.stream(order).mapToDouble(i -> ys[i]).toArray();
        int blocks = 0;
        double[] mean = new double[xs.length];
        int[] count = new int[xs.length];
        for (int i = 0; i < xs.length; i++) {
            mean[blocks] = sortedY[i];
            count[blocks++] = 1;
            while (blocks > 1 && mean[blocks - 2] > mean[blocks - 1]) {
                int total = count[blocks - 2] + count[blocks - 1];
                mean[blocks - 2] = (mean[blocks - 2] * count[blocks - 2] + mean[blocks - 1] * count[blocks - 1])
                        / total;
                count[blocks - 2] = total;
                blocks--;
            }
        }
        double[] fitted = new double[xs.length];
        int at = 0;
        for (int b = 0; b < blocks; b++) {
            Arrays.fill(fitted, at, at + count[b], mean[b]);
            at += count[b];
        }
        int n = 0;
        for (int i = 0; i < xs.length; i++) {
            if (n > 0 && sortedX[n - 1] == sortedX[i]) {
                fitted[n - 1] = (fitted[n - 1] + fitted[i]) / 2;
            } else {
                sortedX[n] = sortedX[i];
                fitted[n++] = fitted[i];
            }
        }
        this.x = Arrays.copyOf(sortedX, n);
        this.y = Arrays.copyOf(fitted, n);
    }

    double at(double value) {
        int last = x.length - 1;
        if (value <= x[0]) {
            return y[0] * Math.max(0, value) / x[0];
        }
        if (value >= x[last]) {
            return y[last] * value / x[last];
        }
        int i = Arrays.binarySearch(x, value);
        if (i >= 0) {
            return y[i];
        }
        int high = -i - 1;
        double share = (value - x[high - 1]) / (x[high] - x[high - 1]);
        return y[high - 1] + share * (y[high] - y[high - 1]);
    }
}
