package io.sparsebalance.policies;

import java.util.Arrays;
import java.util.List;

/**
 * Lists as arrays, and back, by plain loops: decisions run once a step, between kernels that emptied the caches, and streams would
 * bring more code back into them than the decision itself has.
 */
public final class Numbers {
    private Numbers() {
    }

    /** The same numbers. */
    public static int[] ints(List<Integer> values) {
        int[] ints = new int[values.size()];
        for (int i = 0; i < ints.length; i++) {
            ints[i] = values.get(i);
        }
        return ints;
    }

    /** The same numbers. */
    public static double[] doubles(List<Double> values) {
        double[] doubles = new double[values.size()];
        for (int i = 0; i < doubles.length; i++) {
            doubles[i] = values.get(i);
        }
        return doubles;
    }

    /** Each number once, rising. Sorts the argument. */
    public static int[] distinct(int[] values) {
        Arrays.sort(values);
        int size = 0;
        for (int value : values) {
            if (size == 0 || values[size - 1] != value) {
                values[size++] = value;
            }
        }
        return Arrays.copyOf(values, size);
    }
}
