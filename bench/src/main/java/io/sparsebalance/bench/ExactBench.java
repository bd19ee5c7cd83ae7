package io.sparsebalance.bench;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.OptimizerConfig;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.Trainers;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What {@code run.reduction = exact} costs a step: the default model on two ranks of one thread, two micro-batches each, steps
 * with exact and with fast reduction in turns. Prints a Markdown table of medians.
 */
public final class ExactBench {
    private static final int RANKS = 2;
    private static final int MICRO_BATCHES = 2;
    private static final int WARM_UPS = 8;
    private static final int REPEATS = 24;
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private ExactBench() {
    }

    /** Micro-batches of many and of few tokens. */
    public static void main(String[] args) throws Exception {
        System.out.println(
                "| model | tokens of a micro-batch | fast ms | exact ms | exact / fast | adding a micro-batch ms |");
        System.out.println("|---|---|---|---|---|---|");
        for (int tokens : new int[]{8192, 1024}) {
            run(tokens);
        }
    }

    private static void run(int tokens) throws Exception {
        List<Collective> collectives = InProcess.create(RANKS, TIMEOUT);
        try (ExecutorService threads = Executors.newFixedThreadPool(RANKS)) {
            List<Replica> replicas = new ArrayList<>();
            for (int rank = 0; rank < RANKS; rank++) {
                replicas.add(new Replica(rank, tokens, collectives.get(rank)));
            }
            double[] fast = new double[REPEATS];
            double[] exact = new double[REPEATS];
            long numParameters = replicas.getFirst().trainer.numParameters();
            for (int i = -WARM_UPS; i < REPEATS; i++) {
                int step = 2 * (i + WARM_UPS) + 1;
                double exactSeconds = step(threads, replicas, true, step);
                double fastSeconds = step(threads, replicas, false, step + 1);
                if (i >= 0) {
                    exact[i] = exactSeconds;
                    fast[i] = fastSeconds;
                }
            }
            double adding = median(replicas.getFirst().addSeconds.stream().skip((long) WARM_UPS * MICRO_BATCHES)
                    .mapToDouble(Double::doubleValue).toArray());
            replicas.forEach(Replica::close);
            double[] ratios = new double[REPEATS];
            for (int i = 0; i < REPEATS; i++) {
                ratios[i] = exact[i] / fast[i];
            }
            System.out.printf(Locale.ROOT, "| 3 x 128 (default), %d parameters | %d | %.1f | %.1f | %.4f | %.2f |%n",
                    numParameters, tokens, median(fast) * 1e3, median(exact) * 1e3, median(ratios), adding * 1e3);
        }
    }

    private static double step(ExecutorService threads, List<Replica> replicas, boolean exact, long step)
            throws Exception {
        List<Callable<Void>> calls = new ArrayList<>();
        for (Replica replica : replicas) {
            calls.add(() -> {
                replica.step(exact, step);
                return null;
            });
        }
        long start = System.nanoTime();
        for (Future<Void> done : threads.invokeAll(calls)) {
            done.get();
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /** One rank. */
    private static final class Replica implements AutoCloseable {
        private final Device device = Devices.open("cpu", 1);
        private final Trainer trainer;
        private final Collective collective;
        private final FixedPointSum sum;
        private final Tensor tokens;
        private final Tensor targets;
        private final TokenBatch batch;
        private final int[] budgets = {8, 8, 8};
        private final List<Double> addSeconds = new ArrayList<>();

        Replica(int rank, int numTokens, Collective collective) {
            ModelConfig model = new ModelConfig(256, 3, 128, 384, new AttentionShape(4, 2, 32, 64, 64, 1, 1), 10_000,
                    1e-6f, true, true, false);
            this.trainer = Trainers.create(device, model,
                    new OptimizerConfig(1e-3, 0.1, 10, 1000, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0), 1);
            this.collective = collective;
            this.sum = new FixedPointSum("bench", trainer.numParameters(), 1);
            this.tokens = device.allocate(DType.I32, numTokens);
            this.targets = device.allocate(DType.I32, numTokens);
            SplittableRandom random = new SplittableRandom(rank);
            for (int i = 0; i < numTokens; i++) {
                tokens.segment().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(256));
                targets.segment().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(256));
            }
            this.batch = new TokenBatch(Packing.ofLengths(List.of(numTokens)), tokens, targets, numTokens);
        }

        void step(boolean exact, long step) {
            for (int i = 0; i < MICRO_BATCHES; i++) {
                trainer.forwardBackward(batch, budgets, budgets, 1.0 / (4 * batch.numTargets()));
                if (exact) {
                    long start = System.nanoTime();
                    sum.addAndClear(trainer.gradients().segment());
                    addSeconds.add((System.nanoTime() - start) / 1e9);
                }
            }
            if (exact) {
                collective.allReduceExact(sum, trainer.gradients().segment(), step);
                sum.clear();
            } else {
                collective.allReduceSum(trainer.gradients().segment(), step);
            }
            trainer.update(step);
            trainer.zeroGradients();
        }

        @Override
        public void close() {
            sum.close();
            tokens.close();
            targets.close();
            trainer.close();
            device.close();
        }
    }
}
