package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.util.HashMap;
import java.util.Map;

/**
 * Attention with a stopwatch: tells how much of a micro-batch's time went into attention, in the surroundings in which it
 * runs in training. Waits for the stream before and after each call while it is on; does nothing while it is off. Device
 * thread only.
 */
final class AttentionClock implements SparseAttention {
    private final SparseAttention attention;
    private final BusyClock clock;
    private final Map<Integer, Long> nanosByBudget = new HashMap<>();
    private long routerNanos;
    private boolean on;

    AttentionClock(SparseAttention attention, BusyClock clock) {
        this.attention = attention;
        this.clock = clock;
    }

    /** From zero. */
    void start() {
        nanosByBudget.clear();
        routerNanos = 0;
        on = true;
    }

    void stop() {
        on = false;
    }

    /** Nanoseconds in layers of each budget: router, forward, backward. */
    Map<Integer, Long> nanosByBudget() {
        return Map.copyOf(nanosByBudget);
    }

    /** Nanoseconds in the router, all layers. */
    long routerNanos() {
        return routerNanos;
    }

    @Override
    public AttentionShape shape() {
        return attention.shape();
    }

    @Override
    public BlockLists route(Stream stream, Tensor q, Tensor k, Packing documents, int budget, int[] coverageBudgets) {
        long start = now(stream);
        BlockLists lists = attention.route(stream, q, k, documents, budget, coverageBudgets);
        routerNanos += count(stream, budget, start);
        return lists;
    }

    @Override
    public void forward(Stream stream, Tensor q, Tensor k, Tensor v, BlockLists lists, Tensor out, Tensor logSumExp) {
        long start = now(stream);
        attention.forward(stream, q, k, v, lists, out, logSumExp);
        count(stream, lists.budget(), start);
    }

    @Override
    public void backward(Stream stream, Tensor q, Tensor k, Tensor v, Tensor out, Tensor dOut, Tensor logSumExp,
            BlockLists lists, Tensor dq, Tensor dk, Tensor dv) {
        long start = now(stream);
        attention.backward(stream, q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
        count(stream, lists.budget(), start);
    }

    private long now(Stream stream) {
        if (!on) {
            return 0;
        }
        stream.synchronize();
        return clock.nanos();
    }

    private long count(Stream stream, int budget, long start) {
        if (!on) {
            return 0;
        }
        long nanos = now(stream) - start;
        nanosByBudget.merge(budget, nanos, Long::sum);
        return nanos;
    }
}
