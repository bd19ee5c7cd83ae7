package io.sparsebalance.policies.batching;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Whole micro-batches onto ranks of any speed: the best of several seeds after local search. */
final class Assignment {
    private static final long DIFFERENCING = 1L << 14;
    private static final long WORK_PER_ITEM = 200;
    private static final long LEAST_WORK = 20_000;
    /** This close to the best possible no further seed is tried; the search ends there too. */
    private static final double EVEN = 1 + 1e-4;

    private Assignment() {
    }

    /**
     * A rank for each micro-batch.
     *
     * @param seconds of each micro-batch on a rank without slowdown
     * @param speeds slowdown of each rank
     * @param known an assignment to start from as well, or null
     */
    static int[] assign(double[] seconds, double[] speeds, int[] known) {
        Costs costs = Costs.of(seconds);
        Partition best = Seeds.largestFirst(costs, speeds, Long.MAX_VALUE);
        if (seconds.length <= speeds.length) {
            return best.binOfPlaces();
        }
        improve(best);
        double enough = leastSeconds(costs, speeds) * EVEN;
        boolean even = Arrays.stream(speeds).allMatch(speed -> speed == speeds[0]);
        if (best.maxSeconds() > enough && even && (long) seconds.length * speeds.length <= DIFFERENCING) {
            Optional<Partition> seed = Differencing.seed(costs, speeds, Long.MAX_VALUE);
            if (seed.isPresent()) {
                best = shorter(best, seed.get());
            }
        }
        if (best.maxSeconds() > enough && known != null) {
            Partition seed = new Partition(costs, speeds, Long.MAX_VALUE);
            for (int item = 0; item < costs.numItems(); item++) {
                seed.add(known[costs.place(item)], item);
            }
            best = shorter(best, seed.settleAll());
        }
        return best.binOfPlaces();
    }

    /** No assignment ends earlier: all spread evenly, or the longest on the fastest rank. */
    private static double leastSeconds(Costs costs, double[] speeds) {
        double sum = 0;
        for (int item = 0; item < costs.numItems(); item++) {
            sum += costs.own(item);
        }
        double rate = 0;
        double fastest = Double.POSITIVE_INFINITY;
        for (double speed : speeds) {
            rate += 1 / speed;
            fastest = Math.min(fastest, speed);
        }
        return Math.max(sum / rate, fastest * costs.leastOfLongest());
    }

    private static void improve(Partition seed) {
        LocalSearch.improve(seed, List.of(), Level.ofBins(seed),
                LEAST_WORK + WORK_PER_ITEM * seed.costs().numItems());
    }

    private static Partition shorter(Partition best, Partition seed) {
        improve(seed);
        return seed.maxSeconds() < best.maxSeconds() ? seed : best;
    }
}
