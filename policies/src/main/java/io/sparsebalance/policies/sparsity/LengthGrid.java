package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Numbers;
import java.util.Arrays;
import java.util.BitSet;

/**
 * Lengths that tables are made for. With few documents it is their very lengths; with many, 32 points in each doubling (and
 * every 16 tokens below 512) between which costs are read off straight lines, which is closer than one part in a thousand.
 */
final class LengthGrid {
    private static final int FINE_BITS = 4;
    private static final int SMALL = 512;
    private static final int MANTISSA_BITS = 5;

    private final int[] points;
    /** Number of the point that begins each cell; null where points are the very lengths. */
    private final short[] pointOfCell;

    private LengthGrid(int[] points, short[] pointOfCell) {
        this.points = points;
        this.pointOfCell = pointOfCell;
    }

    /** Points at the very lengths. */
    static LengthGrid exact(int[] lengths) {
        return new LengthGrid(Numbers.distinct(lengths.clone()), null);
    }

    /** Points around the lengths. */
    static LengthGrid around(int[] lengths) {
        BitSet cells = new BitSet();
        for (int length : lengths) {
            int cell = cell(length);
            cells.set(cell);
            cells.set(cell + 1);
        }
        short[] pointOfCell = new short[cells.length()];
        short point = 0;
        for (int cell = cells.nextSetBit(0); cell >= 0; cell = cells.nextSetBit(cell + 1)) {
            pointOfCell[cell] = point++;
        }
        return new LengthGrid(cells.stream().map(LengthGrid::start).toArray(), pointOfCell);
    }

    private static int cell(int length) {
        if (length < SMALL) {
            return length >> FINE_BITS;
        }
        int exponent = 31 - Integer.numberOfLeadingZeros(length);
        return (exponent << MANTISSA_BITS) + (length >> (exponent - MANTISSA_BITS)) - (1 << MANTISSA_BITS)
                - (9 << MANTISSA_BITS) + (SMALL >> FINE_BITS);
    }

    /** Smallest length of a cell; the first begins at 1. */
    private static int start(int cell) {
        int small = SMALL >> FINE_BITS;
        if (cell < small) {
            return Math.max(1, cell << FINE_BITS);
        }
        int exponent = 9 + ((cell - small) >> MANTISSA_BITS);
        int mantissa = (1 << MANTISSA_BITS) + ((cell - small) & ((1 << MANTISSA_BITS) - 1));
        return (int) Math.min(Integer.MAX_VALUE, (long) mantissa << (exponent - MANTISSA_BITS));
    }

    int size() {
        return points.length;
    }

    int length(int point) {
        return points[point];
    }

    /** The last point that is not above a length, which must be one of those that the grid was made for. */
    int below(int length) {
        return pointOfCell == null ? Arrays.binarySearch(points, length) : pointOfCell[cell(length)];
    }

    /** How far a length lies from a point towards the next one, 0 to 1. */
    double share(int point, int length) {
        return points[point] == length
                ? 0
                : (double) (length - points[point]) / ((double) points[point + 1] - points[point]);
    }
}
