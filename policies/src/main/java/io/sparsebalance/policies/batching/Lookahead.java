package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Deals the samples of several steps so that long documents meet. Where one document outweighs a micro-batch's fair share, a step
 * takes as long as that document, and all other micro-batches wait; in a step with several such documents fewer wait, and the
 * steps that are rid of them are short.
 *
 * <p>One step after the other gets the longest document left, and with it as many of the next longest as make the step's
 * predicted imbalance about as small as it gets; the least number that does, so that steps stay as mixed as they can. The rest
 * of the step, and the whole of the last step, are the first samples left in sample order. Every step has as many samples. At the
 * end the steps are shuffled, so that training meets long and short steps in no order.
 */
final class Lookahead {
    /** Imbalance that may be given away to leave more long documents where they are. */
    private static final double TOLERANCE = 0.005;
    /** Share by which fair shares should exceed the longest item, since micro-batches are never packed without a gap. */
    private static final double GAP = 0.05;
    /** Numbers of long documents that are tried grow by this share. */
    private static final int STRIDE = 4;

    private final WindowRequest window;
    private final Costs costs;
    /** Item of each place. */
    private final int[] itemAt;
    private final boolean[] dealt;

    private Lookahead(WindowRequest window) {
        this.window = window;
        this.costs = Costs.predicted(window.samples(), window.baseBudgets(), window.latency(),
                window.numSteps() * window.numMicroBatches());
        this.itemAt = new int[costs.numItems()];
        for (int item = 0; item < itemAt.length; item++) {
            itemAt[costs.place(item)] = item;
        }
        this.dealt = new boolean[costs.numItems()];
    }

    static List<List<Sample>> deal(WindowRequest window) {
        if (window.numSteps() == 1) {
            return List.of(window.samples());
        }
        Lookahead lookahead = new Lookahead(window);
        List<List<Sample>> steps = new ArrayList<>();
        for (int step = 0; step < window.numSteps(); step++) {
            steps.add(lookahead.next(step == window.numSteps() - 1));
        }
        SplittableRandom random = new SplittableRandom(window.seed());
        for (int i = steps.size() - 1; i > 0; i--) {
            steps.add(random.nextInt(i + 1), steps.remove(i));
        }
        return steps;
    }

    private List<Sample> next(boolean last) {
        int[] best = last ? items(0) : gathered();
        for (int item : best) {
            dealt[item] = true;
        }
        return Arrays.stream(best).map(costs::place).sorted().mapToObj(window.samples()::get).toList();
    }

    private int[] gathered() {
        int perStep = window.samplesPerStep();
        List<int[]> tried = new ArrayList<>();
        List<Double> imbalances = new ArrayList<>();
        for (int numLongest = 1; numLongest < perStep; numLongest += Math.max(1, numLongest / STRIDE)) {
            tried.add(items(numLongest));
        }
        tried.add(items(perStep));
        tried.forEach(items -> imbalances.add(imbalance(items)));
        double least = imbalances.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
        int first = 0;
        while (imbalances.get(first) > least + TOLERANCE) {
            first++;
        }
        return tried.get(first);
    }

    /** The longest samples left, filled up with the first left in sample order; in rising number. */
    private int[] items(int numLongest) {
        int perStep = window.samplesPerStep();
        int[] items = new int[perStep];
        boolean[] taken = dealt.clone();
        int count = 0;
        for (int item = 0; count < numLongest; item++) {
            if (!taken[item]) {
                taken[item] = true;
                items[count++] = item;
            }
        }
        for (int place = 0; count < perStep; place++) {
            if (!taken[itemAt[place]]) {
                items[count++] = itemAt[place];
            }
        }
        Arrays.sort(items);
        return items;
    }

    /**
     * The least imbalance that micro-batches of these items can have: none takes less than the longest item; of the longest
     * m + 1, two are together in one of m; and where the token cap forces more than m, they weigh as much more.
     */
    private double imbalance(int[] items) {
        int numBins = Math.min(window.numMicroBatches(), items.length);
        double sum = 0;
        long tokens = 0;
        for (int item : items) {
            sum += costs.marginal(item);
            tokens += costs.length(item);
        }
        double longest = costs.marginal(items[0]);
        if (items.length > numBins) {
            longest = Math.max(longest, costs.marginal(items[numBins - 1]) + costs.marginal(items[numBins]));
        }
        double byTokens = (double) Math.ceilDiv(tokens, (long) window.tokenCap()) / numBins;
        return Math.max(1, (1 + GAP) * longest * numBins / sum) * Math.max(1, byTokens);
    }
}
