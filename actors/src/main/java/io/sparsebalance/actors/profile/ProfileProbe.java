package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.BusyClock;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/** Times, with waiting for a processor taken out, whole micro-batches of made-up tokens on one device, and what part of them is attention. Device thread only. */
public final class ProfileProbe implements AutoCloseable {
    private static final double NANOS_PER_SECOND = 1e9;

    private final Device device;
    private final Trainer trainer;
    private final ModelConfig model;
    private final int[] coverageBudgets;
    private final SplittableRandom random;
    private final BusyClock busy;
    private AttentionClock clock;

    /**
     * Takes ownership of the device.
     *
     * @param replica makes the trainer, which the probe then owns, with the observer it is given
     * @param coverageBudgets as ranks sample them in training
     */
    public ProfileProbe(Device device, Function<UnaryOperator<SparseAttention>, Trainer> replica, int[] coverageBudgets,
            long seed) {
        this.device = device;
        this.busy = BusyClock.ofThisThread(device);
        this.trainer = replica.apply(attention -> {
            clock = new AttentionClock(attention, busy);
            return clock;
        });
        this.model = trainer.model();
        this.coverageBudgets = coverageBudgets.clone();
        this.random = new SplittableRandom(seed);
    }

    /** Whether the replica was warmed up when it was made, as on accelerators. */
    boolean isWarm() {
        return device.isAccelerator();
    }

    /** In one line. */
    String description() {
        return device.description();
    }

    /**
     * Seconds of the parts of one micro-batch.
     *
     * @param attention of one layer, by budget, router included
     * @param router of one layer
     * @param rest everything else, all layers
     */
    record Parts(Map<Integer, Double> attention, double router, double rest) {}

    /** Runs a micro-batch and takes it apart. */
    Parts parts(List<Integer> lengths, int[] budgets) {
        clock.start();
        double seconds = seconds(lengths, budgets);
        clock.stop();
        Map<Integer, Double> attention = new HashMap<>();
        double sum = 0;
        for (Map.Entry<Integer, Long> entry : clock.nanosByBudget().entrySet()) {
            int layers = 0;
            for (int budget : budgets) {
                layers += budget == entry.getKey() ? 1 : 0;
            }
            double all = entry.getValue() / NANOS_PER_SECOND;
            attention.put(entry.getKey(), all / layers);
            sum += all;
        }
        return new Parts(attention, clock.routerNanos() / NANOS_PER_SECOND / budgets.length, seconds - sum);
    }

    /** Seconds of a whole forward and backward. */
    double seconds(List<Integer> lengths, int[] budgets) {
        Packing documents = Packing.ofLengths(lengths);
        int numTokens = documents.numTokens();
        try (Tensor tokens = tokens(numTokens); Tensor targets = tokens(numTokens)) {
            TokenBatch batch = new TokenBatch(documents, tokens, targets, numTokens);
            long start = busy.nanos();
            trainer.forwardBackward(batch, budgets, coverageBudgets, 1.0 / numTokens);
            return (busy.nanos() - start) / NANOS_PER_SECOND;
        }
    }

    /** Random tokens; the only place that writes into a tensor's memory. */
    private Tensor tokens(int numTokens) {
        Tensor tensor = device.allocate(DType.I32, numTokens);
        tensor.upload(MemorySegment.ofArray(random.ints(numTokens, 0, model.vocabulary()).toArray()));
        return tensor;
    }

    @Override
    public void close() {
        try (device; trainer; busy) {
            // The device last, so that it can count what was left open.
        }
    }
}
