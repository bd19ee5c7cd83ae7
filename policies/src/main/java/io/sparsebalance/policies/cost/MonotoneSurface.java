package io.sparsebalance.policies.cost;

import java.util.Arrays;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Seconds of attention by document length and budget, never falling in either.
 *
 * <p>A smooth law gives the shape, the measured points its level: each point's ratio of measured to law is interpolated over
 * the logarithms of length and budget. Law times ratio is tabulated on a lattice that holds every measured point, made monotone
 * (mean of the least surface above and the greatest surface below that are), and read bilinearly, which keeps it monotone and
 * exact at points whose neighbours do not contradict them. Beyond the longest length the law's own growth is added.
 */
final class MonotoneSurface {
    private static final int STEPS_PER_OCTAVE = 8;
    private static final int EVERY_BUDGET_TO = 16;
    /** Steps are found by cells of so many low bits: predictions are asked for millions of times. */
    private static final int CELL_BITS = 4;

    private final Law law;
    private final int[] lengths;
    private final int[] budgets;
    /** Index of the largest step that is not above the first value of each cell. */
    private final short[] rowOfCell;
    private final short[] columnOfCell;
    /** {@code [length][budget]}. */
    private final double[][] seconds;

    /** Seconds that grow with length and budget, and whose growth with length grows with the budget. */
    @FunctionalInterface
    interface Law {
        double seconds(int length, int budget);
    }

    /**
     * Through points.
     *
     * @param mostBudget largest budget that makes a difference at the longest length
     */
    MonotoneSurface(Law law, List<LatencyTable.AttentionPoint> points, int mostBudget) {
        this.law = law;
        NavigableMap<Integer, Ratios> ratios = ratios(law, points);
        TreeSet<Integer> budgetSet = new TreeSet<>();
        points.forEach(point -> budgetSet.add(point.budget()));
        this.lengths = steps(1, ratios.lastKey(), 1, ratios.navigableKeySet());
        this.budgets = steps(1, Math.max(mostBudget, budgetSet.last()), EVERY_BUDGET_TO, budgetSet);
        this.seconds = new double[lengths.length][budgets.length];
        for (int i = 0; i < lengths.length; i++) {
            for (int j = 0; j < budgets.length; j++) {
                seconds[i][j] = law.seconds(lengths[i], budgets[j]) * ratio(ratios, lengths[i], budgets[j]);
            }
        }
        makeMonotone();
        this.rowOfCell = cells(lengths);
        this.columnOfCell = cells(budgets);
    }

    private static short[] cells(int[] steps) {
        short[] cells = new short[(steps[steps.length - 1] >> CELL_BITS) + 1];
        short at = 0;
        for (int cell = 0; cell < cells.length; cell++) {
            while (at + 1 < steps.length && steps[at + 1] <= cell << CELL_BITS) {
                at++;
            }
            cells[cell] = at;
        }
        return cells;
    }

    /** Measured over law along the budgets of one length. */
    private static final class Ratios {
        private final double[] logBudgets;
        private final double[] ratios;

        Ratios(double[] logBudgets, double[] ratios) {
            this.logBudgets = logBudgets;
            this.ratios = ratios;
        }

        double at(int budget) {
            return interpolate(logBudgets, ratios, Math.log(budget));
        }
    }

    private static NavigableMap<Integer, Ratios> ratios(Law law, List<LatencyTable.AttentionPoint> points) {
        NavigableMap<Integer, NavigableMap<Integer, double[]>> byLength = new TreeMap<>();
        for (LatencyTable.AttentionPoint point : points) {
            // Points that were measured more than once count with their mean.
            double[] sum = byLength.computeIfAbsent(point.length(), l -> new TreeMap<>()).computeIfAbsent(
                    point.budget(), b -> new double[2]);
            sum[0] += point.seconds() / law.seconds(point.length(), point.budget());
            sum[1]++;
        }
        NavigableMap<Integer, Ratios> ratios = new TreeMap<>();
        byLength.forEach((length, byBudget) -> ratios.put(length,
                new Ratios(byBudget.keySet().stream().mapToDouble(Math::log).toArray(),
                        byBudget.values().stream().mapToDouble(sum -> sum[0] / sum[1]).toArray())));
        return ratios;
    }

    private static double ratio(NavigableMap<Integer, Ratios> ratios, int length, int budget) {
        Integer low = ratios.floorKey(length);
        Integer high = ratios.ceilingKey(length);
        if (low == null || high == null || low.equals(high)) {
            return ratios.get(low == null ? high : low).at(budget);
        }
        double share = (Math.log(length) - Math.log(low)) / (Math.log(high) - Math.log(low));
        return (1 - share) * ratios.get(low).at(budget) + share * ratios.get(high).at(budget);
    }

    /** Linear between the knots, level beyond them. */
    private static double interpolate(double[] x, double[] y, double at) {
        int i = Arrays.binarySearch(x, at);
        if (i >= 0) {
            return y[i];
        }
        int high = -i - 1;
        if (high == 0) {
            return y[0];
        }
        if (high == x.length) {
            return y[high - 1];
        }
        double share = (at - x[high - 1]) / (x[high] - x[high - 1]);
        return y[high - 1] + share * (y[high] - y[high - 1]);
    }

    private static int[] steps(int low, int high, int everyTo, Iterable<Integer> besides) {
        TreeSet<Integer> steps = new TreeSet<>();
        for (int i = low; i <= Math.min(everyTo, high); i++) {
            steps.add(i);
        }
        for (double step = low; step < high; step *= Math.pow(2, 1.0 / STEPS_PER_OCTAVE)) {
            steps.add((int) Math.round(step));
        }
        steps.add(high);
        besides.forEach(steps::add);
        return steps.stream().mapToInt(Integer::intValue).toArray();
    }

    private void makeMonotone() {
        int rows = lengths.length;
        int columns = budgets.length;
        double[][] above = new double[rows][columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                above[i][j] = Math.max(seconds[i][j],
                        Math.max(i > 0 ? above[i - 1][j] : 0, j > 0 ? above[i][j - 1] : 0));
            }
        }
        double[][] below = new double[rows][columns];
        for (int i = rows - 1; i >= 0; i--) {
            for (int j = columns - 1; j >= 0; j--) {
                below[i][j] = Math.min(seconds[i][j],
                        Math.min(i + 1 < rows ? below[i + 1][j] : Double.POSITIVE_INFINITY,
                                j + 1 < columns ? below[i][j + 1] : Double.POSITIVE_INFINITY));
            }
        }
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                seconds[i][j] = (above[i][j] + below[i][j]) / 2;
            }
        }
    }

    double at(int length, int budget) {
        int longest = lengths[lengths.length - 1];
        if (length > longest) {
            return at(longest, budget) + (law.seconds(length, budget) - law.seconds(longest, budget));
        }
        int row = below(lengths, rowOfCell, length);
        int most = Math.min(budget, budgets[budgets.length - 1]);
        return at(row, share(lengths, row, length), below(budgets, columnOfCell, most), most);
    }

    /**
     * The same at ascending budgets, which are cut to {@code mostBudget}.
     *
     * @param into written from {@code offset} on
     */
    void at(int length, int[] wanted, int mostBudget, double[] into, int offset) {
        int longest = lengths[lengths.length - 1];
        double beyond = 0;
        int row = below(lengths, rowOfCell, Math.min(length, longest));
        double x = share(lengths, row, Math.min(length, longest));
        int column = 0;
        int last = budgets[budgets.length - 1];
        for (int i = 0; i < wanted.length; i++) {
            if (i > 0 && wanted[i - 1] >= mostBudget) {
                Arrays.fill(into, offset + i, offset + wanted.length, into[offset + i - 1]);
                return;
            }
            int budget = Math.min(wanted[i], mostBudget);
            if (length > longest) {
                beyond = law.seconds(length, budget) - law.seconds(longest, budget);
            }
            int most = Math.min(budget, last);
            while (column + 1 < budgets.length && budgets[column + 1] <= most) {
                column++;
            }
            into[offset + i] = at(row, x, column, most) + beyond;
        }
    }

    private double at(int row, double x, int column, int budget) {
        double y = share(budgets, column, budget);
        int nextRow = Math.min(row + 1, lengths.length - 1);
        int nextColumn = Math.min(column + 1, budgets.length - 1);
        double lower = seconds[row][column] + y * (seconds[row][nextColumn] - seconds[row][column]);
        double upper = seconds[nextRow][column] + y * (seconds[nextRow][nextColumn] - seconds[nextRow][column]);
        return lower + x * (upper - lower);
    }

    /** Index of the largest step that is not above a value, which is at least 1 and not above the last step; 0 if all are above. */
    private static int below(int[] steps, short[] cells, int value) {
        int at = cells[value >> CELL_BITS];
        while (at + 1 < steps.length && steps[at + 1] <= value) {
            at++;
        }
        return at;
    }

    private static double share(int[] steps, int at, int value) {
        return at + 1 < steps.length ? Math.max(0, (double) (value - steps[at]) / (steps[at + 1] - steps[at])) : 0;
    }
}
