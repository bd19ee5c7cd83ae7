package io.sparsebalance.actors.run;

import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the JVM compile what a rank on the CPU runs, by steps of a small replica of its own, on a thread of its own. A node that joins
 * a run does so while it is not one of the ranks yet: else all of them would wait in its first steps, which take many times as long
 * as later ones. Shares nothing with the run, so that it changes no bits, and a failure costs only the time of a slow start.
 */
final class CpuWarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(CpuWarmUp.class);
    /** Enough for loops to be found hot, and little enough for a step in code that is not compiled yet. */
    private static final int MOST_TOKENS = 512;
    private static final int MOST_VOCABULARY = 256;
    private static final int MOST_HIDDEN = 256;
    private static final int MOST_FFN = 512;
    /** What the others may wait for: a first step that takes less is the only one. */
    private static final long LITTLE_NANOS = 300_000_000L;
    /** Else steps go on until for so long none was faster than before by a tenth, */
    private static final long STEADY_NANOS = 500_000_000L;
    /** but no step is begun after this. */
    private static final long MOST_NANOS = 5_000_000_000L;
    private static final double FASTER = 0.9;
    private static final double NANOS_PER_MILLI = 1e6;

    private final TrainingConfig config;
    private final ModelConfig model;
    private final CompletableFuture<Boolean> over = new CompletableFuture<>();

    private CpuWarmUp(TrainingConfig config, ModelConfig model) {
        this.config = config;
        this.model = new ModelConfig(Math.min(model.vocabulary(), MOST_VOCABULARY), 1,
                Math.min(model.hidden(), MOST_HIDDEN), Math.min(model.ffn(), MOST_FFN), model.attention(),
                model.ropeTheta(), model.normEpsilon(), model.qkNorm(), model.tiedEmbeddings(), model.recompute());
    }

    /** Begins. */
    static CpuWarmUp start(TrainingConfig config, ModelConfig model) {
        CpuWarmUp warmUp = new CpuWarmUp(config, model);
        Thread.ofPlatform().daemon().name("sparsebalance-warm-up").start(warmUp::run);
        return warmUp;
    }

    /** Waits until it is over and has released everything; false if it failed, which was logged and costs only time. */
    boolean await() {
        return over.join();
    }

    private void run() {
        boolean done = false;
        try {
            steps();
            done = true;
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.warn("the steps that warm up the code failed; the first steps of this node's ranks will be slow", e);
        } finally {
            over.complete(done);
        }
    }

    private void steps() {
        try (Device device = Replicas.device(config, 0, config.run().ranks());
                Trainer trainer = Replicas.trainer(device, config, model, UnaryOperator.identity());
                GradientReduction reduction = EngineParts.reduction(config, device, trainer,
                        InProcess.create(1, config.run().stepTimeout()).getFirst())) {
            int numTokens = Math.min(MOST_TOKENS, config.batch().tokenCap());
            int[] budgets = {config.attention().kBase()};
            int[] coverageBudgets = Replicas.coverageBudgets(config.attention());
            try (Tensor tokens = device.allocate(DType.I32, numTokens)) {
                TokenBatch batch = new TokenBatch(Packing.ofLengths(List.of(numTokens)), tokens, tokens, numTokens);
                untilSteady(step -> {
                    reduction.microBatchBegins();
                    trainer.forwardBackward(batch, budgets, coverageBudgets, 1.0 / numTokens,
                            range -> reduction.complete(trainer.gradients(), range));
                    reduction.microBatchEnded(trainer.gradients());
                    reduction.reduce(trainer.gradients(), step);
                    trainer.update(step);
                    trainer.zeroGradients();
                    trainer.parameterChecksum();
                });
            }
        }
    }

    private static void untilSteady(Step work) {
        long start = System.nanoTime();
        long first = 0;
        long best = Long.MAX_VALUE;
        long bestAt = start;
        long now = start;
        long step = 0;
        do {
            step++;
            work.run(step);
            long took = System.nanoTime() - now;
            now += took;
            first = step == 1 ? took : first;
            if (took < FASTER * best) {
                best = took;
                bestAt = now;
            }
        } while (now - start > LITTLE_NANOS && now - start < MOST_NANOS && now - bestAt < STEADY_NANOS);
        LOG.info("{} steps of a small model warmed up the code in {} ms: the first took {} ms, the fastest {}", step,
                Math.round((now - start) / NANOS_PER_MILLI), Math.round(first / NANOS_PER_MILLI),
                Math.round(best / NANOS_PER_MILLI));
    }

    /** One step. */
    @FunctionalInterface
    private interface Step {
        void run(long number);
    }
}
