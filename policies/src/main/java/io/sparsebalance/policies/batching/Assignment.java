package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Whole micro-batches onto ranks of any speed: the best of several seeds after local search. */
final class Assignment {
    private static final long DIFFERENCING = 1L << 14;
    private static final long WORK_PER_ITEM = 200;
    private static final long LEAST_WORK = 20_000;

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
        List<Partition> seeds = new ArrayList<>();
        seeds.add(Seeds.largestFirst(costs, speeds, Long.MAX_VALUE));
        boolean even = Arrays.stream(speeds).allMatch(speed -> speed == speeds[0]);
        boolean moreThanRanks = seconds.length > speeds.length;
        if (even && moreThanRanks && (long) seconds.length * speeds.length <= DIFFERENCING) {
            Differencing.seed(costs, speeds, Long.MAX_VALUE).ifPresent(seeds::add);
        }
        if (known != null && moreThanRanks) {
            Partition seed = new Partition(costs, speeds, Long.MAX_VALUE);
            for (int item = 0; item < costs.numItems(); item++) {
                seed.add(known[costs.place(item)], item);
            }
            seeds.add(seed.settleAll());
        }
        Partition best = null;
        for (Partition seed : seeds) {
            if (moreThanRanks) {
                LocalSearch.improve(seed, List.of(), Level.ofBins(seed), LEAST_WORK + WORK_PER_ITEM * seconds.length);
            }
            if (best == null || seed.maxSeconds() < best.maxSeconds()) {
                best = seed;
            }
        }
        return best.binOfPlaces();
    }
}
