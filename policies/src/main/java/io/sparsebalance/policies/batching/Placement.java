package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.ToDoubleFunction;

/** Steps that the policies share: checks, largest-first seeding, and spreading micro-batches over ranks. */
final class Placement {
    private Placement() {
    }

    /** Bins to start with: the asked number, no more than samples, and enough for the token cap. */
    static int numBins(BatchRequest request) {
        if (request.samples().isEmpty()) {
            throw new InfeasibleBatchException("the global batch is empty; batch.samples-per-step must be at least 1");
        }
        long tokens = 0;
        for (Sample sample : request.samples()) {
            if (sample.length() > request.tokenCap()) {
                throw new InfeasibleBatchException("sample " + sample.id() + " has " + sample.length()
                        + " tokens and fits no micro-batch of batch.token-cap = " + request.tokenCap()
                        + "; raise the cap or lower data.max-document-tokens");
            }
            tokens += sample.length();
        }
        int asked = Math.min(request.numMicroBatches(), request.samples().size());
        return (int) Math.max(asked, Math.ceilDiv(tokens, (long) request.tokenCap()));
    }

    /** Items by falling cost; ties by id, so that equal requests give equal plans. */
    static List<Bins.Item> byFallingCost(List<Sample> samples, ToDoubleFunction<Sample> cost) {
        List<Bins.Item> items = new ArrayList<>();
        for (Sample sample : samples) {
            items.add(new Bins.Item(sample, cost.applyAsDouble(sample)));
        }
        items.sort(Comparator.comparingDouble((Bins.Item i) -> -i.cost()).thenComparingLong(i -> i.sample().id()));
        return items;
    }

    /**
     * Largest first, each into the cheapest bin with room. If some item finds no room, tries again by falling length, which
     * wastes less room; only then opens another bin.
     */
    static Bins largestFirst(List<Bins.Item> items, int numBins, int tokenCap) {
        Bins bins = fill(items, numBins, tokenCap);
        if (bins.size() > numBins) {
            List<Bins.Item> byLength = new ArrayList<>(items);
            byLength.sort(
                    Comparator.comparingInt((Bins.Item i) -> -i.length()).thenComparingLong(i -> i.sample().id()));
            Bins other = fill(byLength, numBins, tokenCap);
            return other.size() < bins.size() ? other : bins;
        }
        return bins;
    }

    private static Bins fill(List<Bins.Item> items, int numBins, int tokenCap) {
        Bins bins = new Bins(numBins, tokenCap);
        PriorityQueue<Integer> cheapest = new PriorityQueue<>(
                Comparator.comparingDouble((Integer b) -> bins.cost(b)).thenComparing(b -> b));
        for (int b = 0; b < numBins; b++) {
            cheapest.add(b);
        }
        List<Integer> full = new ArrayList<>();
        for (Bins.Item item : items) {
            Integer bin = cheapest.poll();
            while (bin != null && !bins.fits(bin, item.length())) {
                full.add(bin);
                bin = cheapest.poll();
            }
            if (bin == null) {
                bin = bins.open();
            }
            bins.add(bin, item);
            cheapest.add(bin);
            cheapest.addAll(full);
            full.clear();
        }
        return bins;
    }

    /** Micro-batches onto ranks: largest first to the rank that would end first, then single moves and swaps that help. */
    static List<Integer> assign(List<Double> costs, List<Double> rankSpeeds) {
        int numRanks = rankSpeeds.size();
        Integer[] rankOf = new Integer[costs.size()];
        double[] load = new double[numRanks];
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < costs.size(); i++) {
            order.add(i);
        }
        order.sort(Comparator.comparingDouble((Integer i) -> -costs.get(i)).thenComparing(i -> i));
        PriorityQueue<Integer> ranks = new PriorityQueue<>(
                Comparator.comparingDouble((Integer r) -> load[r]).thenComparing(r -> r));
        boolean equalSpeeds = rankSpeeds.stream().distinct().count() == 1;
        for (int r = 0; r < numRanks; r++) {
            ranks.add(r);
        }
        for (int i : order) {
            int best = 0;
            if (equalSpeeds) {
                best = ranks.remove();
            } else {
                for (int r = 1; r < numRanks; r++) {
                    if (load[r] + costs.get(i) * rankSpeeds.get(r) < load[best] + costs.get(i) * rankSpeeds.get(best)) {
                        best = r;
                    }
                }
            }
            rankOf[i] = best;
            load[best] += costs.get(i) * rankSpeeds.get(best);
            if (equalSpeeds) {
                ranks.add(best);
            }
        }
        improve(rankOf, costs, rankSpeeds, load);
        return List.of(rankOf);
    }

    private static void improve(Integer[] rankOf, List<Double> costs, List<Double> speeds, double[] load) {
        int rounds = Math.min(200, 4 * rankOf.length);
        for (int round = 0; round < rounds; round++) {
            int slowest = extreme(load, 1);
            int fastest = extreme(load, -1);
            double before = load[slowest];
            int bestA = -1;
            int bestB = -1;
            double best = before * (1 - 1e-12);
            for (int a = 0; a < rankOf.length; a++) {
                if (rankOf[a] != slowest) {
                    continue;
                }
                for (int b = -1; b < rankOf.length; b++) {
                    if (b >= 0 && rankOf[b] != fastest) {
                        continue;
                    }
                    double moved = costs.get(a) - (b < 0 ? 0 : costs.get(b));
                    double worse = Math.max(before - moved * speeds.get(slowest),
                            load[fastest] + moved * speeds.get(fastest));
                    if (worse < best) {
                        best = worse;
                        bestA = a;
                        bestB = b;
                    }
                }
            }
            if (bestA < 0) {
                return;
            }
            double moved = costs.get(bestA) - (bestB < 0 ? 0 : costs.get(bestB));
            load[slowest] -= moved * speeds.get(slowest);
            load[fastest] += moved * speeds.get(fastest);
            rankOf[bestA] = fastest;
            if (bestB >= 0) {
                rankOf[bestB] = slowest;
            }
        }
    }

    private static int extreme(double[] load, int sign) {
        int at = 0;
        for (int r = 1; r < load.length; r++) {
            if (sign * load[r] > sign * load[at]) {
                at = r;
            }
        }
        return at;
    }
}
