package io.sparsebalance.policies.batching;

import java.util.List;
import java.util.function.Supplier;

/**
 * {@code sab}: balances predicted sparse latency. Samples go into micro-batches of equal predicted time whatever the number of
 * ranks ({@link Content}); micro-batches go onto ranks with the ranks' speeds ({@link Assignment}).
 *
 * <p>With {@code a(l)} the attention seconds of a document of {@code l} tokens over all layers at the base budgets, a micro-batch
 * {@code m} takes {@code t(m) = fixed + linear(sum of l) + sum of a(l)}, and a rank {@code r} of slowdown {@code s(r)}
 * takes {@code s(r)} times the sum of its micro-batches; the longest rank is made as short as can be found.
 *
 * <p>For steps of up to {@value #INSURED_SAMPLES} samples the contents that {@code lbb} and {@code random} would make are
 * candidates as well, unless the longest micro-batch is a document alone, which nothing shortens. So with as many ranks as
 * micro-batches the step is never predicted longer than theirs.
 */
public final class SparsityAwareBatching implements BatchingPolicy {
    /** In larger steps, where the search has many samples to choose from, the baselines were never seen ahead. */
    private static final int INSURED_SAMPLES = 2048;

    @Override
    public String name() {
        return "sab";
    }

    @Override
    public BatchPlan plan(BatchRequest request) {
        int numBins = Requests.numBins(request);
        Costs costs = Costs.predicted(request.samples(), request.baseBudgets(), request.latency(), numBins);
        List<Supplier<Partition>> seeds = costs.numItems() > INSURED_SAMPLES
                ? List.of()
                : List.of(() -> priced(costs, LengthSquaredBatching.content(request).partition(), request),
                        () -> priced(costs, RandomBatching.content(request), request));
        return Requests.plan(request, Content.balanced(costs, numBins, request.tokenCap(), seeds));
    }

    @Override
    public List<List<Sample>> deal(WindowRequest window) {
        return Lookahead.deal(window);
    }

    /** The same bins at other costs. */
    private static Partition priced(Costs costs, Partition partition, BatchRequest request) {
        int[] bins = partition.binOfPlaces();
        Partition priced = new Partition(costs, partition.numBins(), request.tokenCap());
        for (int item = 0; item < costs.numItems(); item++) {
            priced.add(bins[costs.place(item)], item);
        }
        return priced.settleAll();
    }
}
