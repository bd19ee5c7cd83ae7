package io.sparsebalance.policies;

import java.util.Arrays;
import java.util.Collection;

/** Middle and spread of measured values, little moved by outliers. */
public final class Quantiles {
    /** Makes the median absolute deviation an estimate of the standard deviation of normal values. */
    private static final double MAD_TO_DEVIATION = 1.4826;
    /** Standard error of a median over that of a mean, for normal values: root of pi / 2. */
    private static final double MEDIAN_TO_MEAN_ERROR = 1.2533;

    private Quantiles() {
    }

    /** The value below which a share {@code q} of the values lies, interpolated; NaN for no values. */
    public static double quantile(double[] values, double q) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        if (sorted.length == 0) {
            return Double.NaN;
        }
        double at = q * (sorted.length - 1);
        int low = (int) Math.floor(at);
        int high = Math.min(sorted.length - 1, low + 1);
        return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
    }

    /** The middle value; NaN for no values. */
    public static double median(double[] values) {
        return quantile(values, 0.5);
    }

    /** The middle value; NaN for no values. */
    public static double median(Collection<Double> values) {
        return median(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    /** Standard error of the median over the median, from the median absolute deviation; infinite for fewer than 3 values. */
    public static double relativeError(Collection<Double> values) {
        if (values.size() < 3) {
            return Double.POSITIVE_INFINITY;
        }
        double median = median(values);
        double deviation = median(values.stream().mapToDouble(v -> Math.abs(v - median)).toArray());
        return MEDIAN_TO_MEAN_ERROR * MAD_TO_DEVIATION * deviation / Math.sqrt(values.size()) / median;
    }
}
