package io.sparsebalance.policies.batching;

import java.util.Arrays;

/**
 * The best way to divide the items of two bins between them, found by looking at all ways, each one item away from the one before
 * (Gray code).
 *
 * @param out items that leave the first bin
 * @param in items that come into it
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record PairDivision(int[] out, int[] in) {
    /** More items would take too long. */
    static final int MAX_ITEMS = 14;

    private static final PairDivision NONE = new PairDivision(new int[0], new int[0]);

    boolean changes() {
        return out.length + in.length > 0;
    }

    /** By the items' marginal costs, under the token cap, neither bin empty. */
    static PairDivision best(Partition partition, int first, int second) {
        int held = partition.size(first);
        int[] items = new int[held + partition.size(second)];
        for (int i = 0; i < items.length; i++) {
            items[i] = i < held ? partition.item(first, i) : partition.item(second, i - held);
        }
        int found = search(partition, first, second, items);
        if (found == (1 << held) - 1) {
            return NONE;
        }
        int[] out = new int[items.length];
        int[] in = new int[items.length];
        int numOut = 0;
        int numIn = 0;
        for (int i = 0; i < items.length; i++) {
            boolean toFirst = (found >> i & 1) == 1;
            if (i < held && !toFirst) {
                out[numOut++] = items[i];
            } else if (i >= held && toFirst) {
                in[numIn++] = items[i];
            }
        }
        return new PairDivision(Arrays.copyOf(out, numOut), Arrays.copyOf(in, numIn));
    }

    /** Bits of the items that the first bin should have; as it is now, if nothing is better. */
    private static int search(Partition partition, int first, int second, int[] items) {
        Costs costs = partition.costs();
        double firstSpeed = partition.speeds()[first];
        double secondSpeed = partition.speeds()[second];
        int now = (1 << partition.size(first)) - 1;
        double mine = 0;
        double theirs = 0;
        double[] seconds = new double[items.length];
        for (int i = 0; i < items.length; i++) {
            seconds[i] = costs.marginal(items[i]);
            if ((now >> i & 1) == 1) {
                mine += seconds[i];
            } else {
                theirs += seconds[i];
            }
        }
        long tokens = partition.tokens(first);
        long all = tokens + partition.tokens(second);
        double best = Math.max(firstSpeed * mine, secondSpeed * theirs) * (1 - 1e-9);
        int found = now;
        int subset = now;
        for (int n = 1; n < 1 << items.length; n++) {
            int flipped = Integer.numberOfTrailingZeros(n);
            subset ^= 1 << flipped;
            int sign = (subset >> flipped & 1) == 1 ? 1 : -1;
            mine += sign * seconds[flipped];
            theirs -= sign * seconds[flipped];
            tokens += (long) sign * costs.length(items[flipped]);
            double end = Math.max(firstSpeed * mine, secondSpeed * theirs);
            if (end < best && subset != 0 && subset != (1 << items.length) - 1 && tokens <= partition.tokenCap()
                    && all - tokens <= partition.tokenCap()) {
                best = end;
                found = subset;
            }
        }
        return found;
    }
}
