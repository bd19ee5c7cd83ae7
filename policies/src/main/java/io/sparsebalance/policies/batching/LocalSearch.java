package io.sparsebalance.policies.batching;

import java.util.List;

/**
 * Lowers the most expensive bin by moving one of its samples to another bin, or swapping two, as long as that helps and a
 * bounded number of times. Never breaks the token cap.
 */
final class LocalSearch {
    private static final int MAX_ROUNDS = 1000;
    /** Bins tried against the most expensive one, from the cheapest. */
    private static final int MAX_PARTNERS = 16;

    private LocalSearch() {
    }

    /** Improves the bins in place. */
    static void improve(Bins bins) {
        int rounds = Math.min(MAX_ROUNDS, 8 * bins.size());
        for (int round = 0; round < rounds; round++) {
            if (!step(bins)) {
                return;
            }
        }
    }

    private static boolean step(Bins bins) {
        int worst = 0;
        for (int b = 1; b < bins.size(); b++) {
            if (bins.cost(b) > bins.cost(worst)) {
                worst = b;
            }
        }
        List<Integer> partners = partners(bins, worst);
        double best = bins.cost(worst) * (1 - 1e-9);
        int bestBin = -1;
        int bestMine = -1;
        int bestTheirs = -1;
        for (int other : partners) {
            for (int mine = 0; mine < bins.items(worst).size(); mine++) {
                for (int theirs = -1; theirs < bins.items(other).size(); theirs++) {
                    double result = result(bins, worst, other, mine, theirs);
                    if (result < best) {
                        best = result;
                        bestBin = other;
                        bestMine = mine;
                        bestTheirs = theirs;
                    }
                }
            }
        }
        if (bestBin < 0) {
            return false;
        }
        Bins.Item moved = bins.remove(worst, bestMine);
        if (bestTheirs >= 0) {
            bins.add(worst, bins.remove(bestBin, bestTheirs));
        }
        bins.add(bestBin, moved);
        return true;
    }

    /** The larger of the two bins' costs after the exchange; infinite if it breaks the cap. */
    private static double result(Bins bins, int worst, int other, int mine, int theirs) {
        Bins.Item out = bins.items(worst).get(mine);
        Bins.Item in = theirs < 0 ? null : bins.items(other).get(theirs);
        double cost = out.cost() - (in == null ? 0 : in.cost());
        long tokens = out.length() - (in == null ? 0L : in.length());
        if (cost <= 0 || !bins.fits(other, tokens) || !bins.fits(worst, -tokens)) {
            return Double.POSITIVE_INFINITY;
        }
        return Math.max(bins.cost(worst) - cost, bins.cost(other) + cost);
    }

    private static List<Integer> partners(Bins bins, int worst) {
        return java.util.stream.IntStream.range(0, bins.size()).filter(b -> b != worst).boxed()
                .sorted(java.util.Comparator.comparingDouble((Integer b) -> bins.cost(b)).thenComparing(b -> b))
                .limit(MAX_PARTNERS).toList();
    }
}
