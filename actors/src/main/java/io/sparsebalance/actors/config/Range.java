package io.sparsebalance.actors.config;

/**
 * The numbers that a key may have.
 *
 * @param low lowest, if {@code lowIncluded}, or the limit above which they begin
 * @param high highest, if {@code highIncluded}; infinity for any finite number
 */
record Range(double low, boolean lowIncluded, double high, boolean highIncluded) {
    /** {@code low} to {@code high}, both included. */
    static Range closed(double low, double high) {
        return new Range(low, true, high, true);
    }

    /** Above {@code low}, at most {@code high}. */
    static Range above(double low, double high) {
        return new Range(low, false, high, !Double.isInfinite(high));
    }

    /** At least {@code low}, below {@code high}. */
    static Range below(double low, double high) {
        return new Range(low, true, high, false);
    }

    /** Above {@code low}, below {@code high}. */
    static Range open(double low, double high) {
        return new Range(low, false, high, false);
    }

    /** False for NaN, and for a value that a device, rounding it to a {@code float}, would move onto an excluded limit. */
    boolean contains(double value) {
        boolean above = lowIncluded ? value >= low : value > low && (float) value > (float) low;
        boolean below = highIncluded ? value <= high : value < high && (float) value < (float) high;
        return above && below;
    }

    /** A number of the range. */
    double example() {
        return Double.isInfinite(high) ? low + 1 : low + (high - low) / 2;
    }

    @Override
    public String toString() {
        String bottom = (lowIncluded ? "at least " : "above ") + text(low);
        if (Double.isInfinite(high)) {
            return "a number " + bottom;
        }
        return "a number " + bottom + " and " + (highIncluded ? "at most " : "below ") + text(high);
    }

    private static String text(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e9
                ? Long.toString((long) value)
                : Double.toString(value);
    }
}
