package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Content of the micro-batches of a step, made without knowing the ranks, so that it is the same for any number of them, and good
 * for as many ranks as there are micro-batches and for a half, a third, a quarter and an eighth of that.
 *
 * <ol>
 * <li>Seeds: {@link Seeds#largestFirst} and, for small problems, {@link Differencing}; each improved by {@link LocalSearch}; the
 * one with the shortest longest micro-batch stays.
 * <li>Then for half as many ranks: micro-batches are put together as such ranks would have them, and samples move between these
 * pairs to even them out, while no micro-batch gets longer than the longest is. Where a long document makes a micro-batch the
 * longest, that leaves room to put short micro-batches beside it. The same for thirds, quarters and eighths.
 * </ol>
 */
final class Content {
    private static final int[] SHARES = {2, 3, 4, 8};
    /** Items times bins up to which differencing is tried: about a millisecond. */
    private static final long DIFFERENCING = 1L << 16;
    private static final long WORK_PER_ITEM = 400;
    private static final long LEAST_WORK = 20_000;
    private static final int REGROUPINGS = 4;
    private static final double CLOSE = 1.001;

    private final Partition partition;
    private final List<Level> levels;

    private Content(Partition partition, List<Level> levels) {
        this.partition = partition;
        this.levels = levels;
    }

    Partition partition() {
        return partition;
    }

    /** Group of each micro-batch for a number of ranks that was prepared for; null for another. */
    int[] groupsFor(int numRanks) {
        for (Level level : levels) {
            if (level.numGroups() == numRanks) {
                return level.groups();
            }
        }
        return null;
    }

    /**
     * Balances samples over micro-batches.
     *
     * @param otherSeeds asked for while nothing is known yet than which no content is shorter
     */
    static Content balanced(Costs costs, int numBins, long tokenCap, List<Supplier<Partition>> otherSeeds) {
        long work = LEAST_WORK + WORK_PER_ITEM * costs.numItems();
        Partition best = Seeds.largestFirst(costs, Partition.evenSpeeds(numBins), tokenCap);
        int bins = best.numBins();
        LocalSearch.improve(best, List.of(), Level.ofBins(best), work);
        double least = costs.leastOfLongest();
        if (best.maxSeconds() > least && (long) costs.numItems() * bins <= DIFFERENCING
                && bins <= Differencing.MAX_BINS) {
            Optional<Partition> seed = Differencing.seed(costs, Partition.evenSpeeds(bins), tokenCap);
            if (seed.isPresent()) {
                LocalSearch.improve(seed.get(), List.of(), Level.ofBins(seed.get()), work);
                best = shorter(best, seed.get());
            }
        }
        for (Supplier<Partition> other : otherSeeds) {
            best = best.maxSeconds() > least ? shorter(best, other.get()) : best;
        }
        return new Content(best, refine(best, work));
    }

    private static Partition shorter(Partition best, Partition other) {
        return other.numBins() <= best.numBins() && other.maxSeconds() < best.maxSeconds() ? other : best;
    }

    private static List<Level> refine(Partition partition, long work) {
        List<Level> levels = new ArrayList<>();
        Level single = Level.ofBins(partition);
        single.freeze();
        levels.add(single);
        for (int share : SHARES) {
            int ranks = partition.numBins() / share;
            if (partition.numBins() % share == 0 && ranks > 1) {
                Level level = evened(partition, levels, ranks, work);
                level.freeze();
                levels.add(level);
            }
        }
        return levels;
    }

    /** Groups for a number of ranks; put together anew as long as that helps, since samples have moved since. */
    private static Level evened(Partition partition, List<Level> outer, int ranks, long work) {
        int[] groups = null;
        Level level = null;
        for (int round = 0; round < REGROUPINGS; round++) {
            groups = Assignment.assign(partition.seconds(), Partition.evenSpeeds(ranks), groups);
            double before = level == null ? Double.POSITIVE_INFINITY : level.max();
            level = Level.of(partition, groups, ranks);
            boolean moved = LocalSearch.improve(partition, outer, level, work);
            double bound = Math.max(level.mean(), partition.maxSeconds());
            if (!moved || level.max() <= bound * CLOSE || level.max() * CLOSE >= before) {
                break;
            }
        }
        return level;
    }
}
