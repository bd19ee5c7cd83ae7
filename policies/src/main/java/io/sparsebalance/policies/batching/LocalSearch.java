package io.sparsebalance.policies.batching;

import java.util.Arrays;
import java.util.List;

/**
 * Shortens the longest group of bins, again and again: moves one of its items to a short group, swaps two, or, where there are
 * few items, divides the items of two bins anew. The amount of work is bounded; the token cap and the limits of outer levels
 * hold throughout; the longest group never gets longer.
 *
 * <p>Between a group that takes {@code D} longer than another, the best exchange is worth {@code D / 2} (with slowdowns s and t,
 * {@code D / (s + t)}); items lie sorted, so the best partner of each item is found by one pass over both.
 */
final class LocalSearch {
    private static final int NUM_PARTNERS = 16;
    private static final int MAX_PASSES = 4;
    /** Among more bins, moves and swaps find what there is to find. */
    private static final int FEW_BINS = 64;
    /** Groups in a pass that turn out to be as short as they get; then the longest is settled, and the rest below it. */
    private static final int MAX_STUCK = 64;
    /** Groups this close to the mean are even. */
    private static final double EVEN = 1e-4;
    /** The same among many, where the last digits would take long and clocks are noisier. */
    private static final double EVEN_AMONG_MANY = 1e-3;
    private static final double STRICTLY = 1 - 1e-9;
    private static final int NONE = -1;

    private final Partition partition;
    private final Costs costs;
    private final List<Level> outer;
    private final Level level;
    private final double leastSpeed;
    private final int[] binOf;
    private int[] longItems = new int[16];
    private int[] shortItems = new int[16];
    private int numLong;
    private int numShort;
    private long work;
    private int longest;
    private double bestEnd;
    private boolean improved;
    private int bestOut;
    private int bestIn;
    private int bestBin;

    private LocalSearch(Partition partition, List<Level> outer, Level level, long work) {
        this.partition = partition;
        this.costs = partition.costs();
        this.outer = outer;
        this.level = level;
        this.work = work;
        this.leastSpeed = level.leastSpeed();
        this.binOf = new int[costs.numItems()];
        for (int bin = 0; bin < partition.numBins(); bin++) {
            for (int i = 0; i < partition.size(bin); i++) {
                binOf[partition.item(bin, i)] = bin;
            }
        }
    }

    /**
     * Improves a partition in place.
     *
     * @param outer levels that must keep within their limits
     * @param level whose longest group is shortened
     * @param work items that may be looked at
     * @return whether anything was moved
     */
    static boolean improve(Partition partition, List<Level> outer, Level level, long work) {
        LocalSearch search = new LocalSearch(partition, outer, level, work);
        for (int pass = 0; pass < MAX_PASSES && search.pass(); pass++) {
            // Groups that could not be shortened get another chance, since others changed.
        }
        return search.improved;
    }

    /** Goes from long groups to short ones; whether the work is worth another pass. */
    private boolean pass() {
        int numGroups = level.numGroups();
        double[] falling = new double[numGroups];
        double[] rising = new double[numGroups];
        for (int group = 0; group < numGroups; group++) {
            rising[group] = level.load(group);
            falling[group] = -rising[group];
        }
        IndexedHeap heavy = new IndexedHeap(falling);
        IndexedHeap light = new IndexedHeap(rising);
        double even = numGroups > FEW_BINS ? EVEN_AMONG_MANY : EVEN;
        // No group can be shorter than the longest item alone where it takes least.
        double enough = Math.max(level.mean(), leastSpeed * costs.leastOfLongest()) * (1 + even);
        boolean changed = false;
        int stuck = 0;
        while (work > 0 && heavy.size() > 0 && stuck < MAX_STUCK && level.load(heavy.at(0)) > enough) {
            longest = heavy.at(0);
            int partner = shorten(light);
            if (partner < 0) {
                heavy.removeTop();
                stuck++;
            } else {
                changed = true;
                improved = true;
                for (int group : new int[]{longest, partner}) {
                    heavy.update(group, -level.load(group));
                    light.update(group, level.load(group));
                }
            }
        }
        return changed && stuck > 0 && work > 0;
    }

    /** Shortens the longest group; answers the group that took over, or -1. */
    private int shorten(IndexedHeap light) {
        longItems = gather(longest, longItems);
        numLong = size(longest);
        if (numLong == 1 && level.speed(longest) <= leastSpeed) {
            // Wherever its only item went, it would take as long there.
            return NONE;
        }
        bestEnd = level.load(longest) * STRICTLY;
        bestOut = NONE;
        int partners = Math.min(NUM_PARTNERS, light.size());
        for (int i = 0; i < partners; i++) {
            int partner = light.at(i);
            if (partner != longest && level.load(partner) < level.load(longest)) {
                scan(partner);
            }
        }
        if (bestOut != NONE) {
            int partner = level.group(bestBin);
            int[] out = {bestOut};
            int[] in = bestIn == NONE ? new int[0] : new int[]{bestIn};
            if (exchange(binOf[bestOut], bestBin, out, in)) {
                return partner;
            }
        }
        boolean few = level.numGroups() == partition.numBins() && partition.numBins() <= FEW_BINS;
        return few ? divide(light, partners) : NONE;
    }

    private int size(int group) {
        int size = 0;
        for (int bin : level.bins(group)) {
            size += partition.size(bin);
        }
        return size;
    }

    private int[] gather(int group, int[] scratch) {
        int size = size(group);
        int[] items = size > scratch.length ? new int[2 * size] : scratch;
        int at = 0;
        int[] bins = level.bins(group);
        for (int bin : bins) {
            for (int i = 0; i < partition.size(bin); i++) {
                items[at++] = partition.item(bin, i);
            }
        }
        if (bins.length > 1) {
            Arrays.sort(items, 0, size);
        }
        return items;
    }

    private void scan(int partner) {
        shortItems = gather(partner, shortItems);
        numShort = size(partner);
        work -= numLong + numShort;
        double ideal = (level.load(longest) - level.load(partner)) / (level.speed(longest) + level.speed(partner));
        int first = 0;
        for (int i = 0; i < numLong; i++) {
            int out = longItems[i];
            double wanted = costs.marginal(out) - ideal;
            consider(partner, out, NONE);
            if (wanted <= 0) {
                continue;
            }
            while (first < numShort && costs.marginal(shortItems[first]) > wanted) {
                first++;
            }
            for (int j = Math.max(0, first - 2); j < Math.min(numShort, first + 2); j++) {
                consider(partner, out, shortItems[j]);
            }
        }
    }

    private void consider(int partner, int out, int in) {
        double moved = costs.marginal(out) - (in == NONE ? 0 : costs.marginal(in));
        double end = Math.max(level.load(longest) - level.speed(longest) * moved,
                level.load(partner) + level.speed(partner) * moved);
        if (moved <= 0 || end >= bestEnd) {
            return;
        }
        int from = binOf[out];
        int tokens = costs.length(out) - (in == NONE ? 0 : costs.length(in));
        int to = in == NONE ? roomiest(partner, from, moved, tokens) : binOf[in];
        if (to == NONE || (in == NONE && partition.size(from) == 1) || !partition.fits(to, tokens)
                || !partition.fits(from, -tokens) || !withinLimits(from, to, moved)) {
            return;
        }
        bestEnd = end;
        bestOut = out;
        bestIn = in;
        bestBin = to;
    }

    /** The cheapest bin of a group that may take so much more, or -1. */
    private int roomiest(int group, int from, double moved, int tokens) {
        int found = NONE;
        for (int bin : level.bins(group)) {
            if ((found == NONE || partition.seconds(bin) < partition.seconds(found)) && partition.fits(bin, tokens)
                    && withinLimits(from, bin, moved)) {
                found = bin;
            }
        }
        return found;
    }

    private boolean withinLimits(int from, int to, double moved) {
        for (Level o : outer) {
            if (o.group(from) != o.group(to) && o.load(o.group(to)) + moved > o.limit()) {
                return false;
            }
        }
        return true;
    }

    /** Exchanges items between two bins if that is right by the exact costs; else leaves all as it was. */
    private boolean exchange(int from, int to, int[] out, int[] in) {
        double before = Math.max(level.load(level.group(from)), level.load(level.group(to)));
        put(from, to, out, in);
        double after = Math.max(level.load(level.group(from)), level.load(level.group(to)));
        boolean right = after < before * STRICTLY;
        for (Level o : outer) {
            right &= o.load(o.group(to)) <= o.limit() && o.load(o.group(from)) <= o.limit();
        }
        if (!right) {
            put(from, to, in, out);
        }
        return right;
    }

    private void put(int from, int to, int[] out, int[] in) {
        for (int item : out) {
            partition.remove(from, item);
            partition.add(to, item);
            binOf[item] = to;
        }
        for (int item : in) {
            partition.remove(to, item);
            partition.add(from, item);
            binOf[item] = from;
        }
        for (int bin : new int[]{from, to}) {
            partition.settle(bin);
            level.refresh(partition, level.group(bin));
            for (Level o : outer) {
                o.refresh(partition, o.group(bin));
            }
        }
    }

    /** Divides the longest bin and a short one anew; answers the short one if that helped, or -1. */
    private int divide(IndexedHeap light, int partners) {
        for (int i = 0; i < partners; i++) {
            int partner = light.at(i);
            int total = partition.size(longest) + partition.size(partner);
            if (partner == longest || total > PairDivision.MAX_ITEMS || work <= 0) {
                continue;
            }
            work -= 1L << (total - 1);
            PairDivision division = PairDivision.best(partition, longest, partner);
            if (division.changes() && exchange(longest, partner, division.out(), division.in())) {
                return partner;
            }
        }
        return NONE;
    }
}
