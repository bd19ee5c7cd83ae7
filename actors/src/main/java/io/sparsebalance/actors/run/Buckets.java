package io.sparsebalance.actors.run;

import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * A gradient cut into pieces that are reduced one after the other, each when its last element is final; the same pieces in the
 * same order on all ranks. Counts how far the backward of the running micro-batch is. Not safe for use by many threads.
 */
final class Buckets {
    private final List<GradientRange> inOrder;
    private final long[] missing;
    private int numFinal;

    /**
     * Cuts.
     *
     * @param ranges of the whole gradient, in the order in which a backward makes them final
     * @param bucketBytes about as many bytes a piece
     */
    Buckets(List<GradientRange> ranges, long bucketBytes) {
        long size = ranges.stream().mapToLong(GradientRange::to).max().orElse(0);
        // Whole blocks, so that a piece of a fixed-point sum can be added up by itself.
        long elements = Math.ceilDiv(Math.max(1, bucketBytes / Float.BYTES), (long) FixedPointSum.BLOCK)
                * FixedPointSum.BLOCK;
        List<GradientRange> pieces = new ArrayList<>();
        for (long from = 0; from < size; from += elements) {
            pieces.add(new GradientRange(from, Math.min(size, from + elements)));
        }
        // Later layers lie behind earlier ones, and are final before them.
        pieces.sort(Comparator.comparingInt((GradientRange piece) -> lastRange(ranges, piece))
                .thenComparing(Comparator.comparingLong(GradientRange::from).reversed()));
        this.inOrder = List.copyOf(pieces);
        this.missing = new long[pieces.size()];
        restart();
    }

    private static int lastRange(List<GradientRange> ranges, GradientRange piece) {
        int last = 0;
        for (int i = 0; i < ranges.size(); i++) {
            last = piece.overlap(ranges.get(i)) > 0 ? i : last;
        }
        return last;
    }

    /** All pieces, in the order in which they are reduced. */
    List<GradientRange> inOrder() {
        return inOrder;
    }

    /** A backward begins: nothing is final any more. */
    void restart() {
        numFinal = 0;
        for (int i = 0; i < missing.length; i++) {
            missing[i] = inOrder.get(i).size();
        }
    }

    /** Elements that the backward will not touch any more. */
    void complete(GradientRange range) {
        for (int i = 0; i < missing.length; i++) {
            missing[i] -= inOrder.get(i).overlap(range);
        }
        while (numFinal < missing.length && missing[numFinal] == 0) {
            numFinal++;
        }
    }

    /** The backward is over, or none was needed. */
    void completeAll() {
        Arrays.fill(missing, 0);
        numFinal = missing.length;
    }

    /** How many pieces, from the first in order, are final. */
    int numFinal() {
        return numFinal;
    }
}
