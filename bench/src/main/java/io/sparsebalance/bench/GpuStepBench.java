package io.sparsebalance.bench;

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
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A whole training step of a Qwen3-0.6B-shaped model on a GPU: one document, budget of 16 blocks of 128, recomputation. Medians,
 * as a Markdown table; {@code bench/cuda/step_peer.py} does the same in PyTorch. Arguments: numbers of tokens; none for 32768.
 * {@code -Dkept-layers=N}: the last N layers are not recomputed.
 */
public final class GpuStepBench {
    private static final int REPEATS = 7;
    private static final int WARM_UPS = 3;
    private static final int BUDGET = 16;
    private static final long MIB = 1 << 20;

    private GpuStepBench() {
    }

    /** Measures each number of tokens. */
    public static void main(String[] args) {
        int[] tokens = args.length == 0 ? new int[]{32_768} : Arrays.stream(args).mapToInt(Integer::parseInt).toArray();
        AttentionShape attention = new AttentionShape(16, 8, 128, 128, 128, 0, 0);
        ModelConfig model = new ModelConfig(151_936, 28, 1024, 3072, attention, 1e6, 1e-6f, true, true, true,
                Integer.getInteger("kept-layers", 0));
        OptimizerConfig optimizer = new OptimizerConfig(1e-4, 0.1, 10, 1000, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0);
        try (Device device = Devices.open("cuda", 1)) {
            System.out.println(device.description());
            long start = System.nanoTime();
            try (Trainer trainer = Trainers.create(device, model, optimizer, 1)) {
                System.out.printf(Locale.ROOT, "%d parameters, ready after %.1f s%n%n", trainer.numParameters(),
                        (System.nanoTime() - start) / 1e9);
                System.out.println(
                        "| tokens | step ms | of it update ms | tokens/s | forward only ms | peak MiB | loss |");
                System.out.println("|---|---|---|---|---|---|---|");
                for (int numTokens : tokens) {
                    run(device, trainer, model, numTokens);
                }
            }
        }
    }

    private static void run(Device device, Trainer trainer, ModelConfig model, int numTokens) {
        int[] budgets = new int[model.layers()];
        Arrays.fill(budgets, BUDGET);
        SplittableRandom random = new SplittableRandom(1);
        try (Tensor tokens = device.allocate(DType.I32, numTokens);
                Tensor targets = device.allocate(DType.I32, numTokens)) {
            tokens.upload(MemorySegment.ofArray(random.ints(numTokens, 0, model.vocabulary()).toArray()));
            targets.upload(MemorySegment.ofArray(random.ints(numTokens, 0, model.vocabulary()).toArray()));
            TokenBatch batch = new TokenBatch(Packing.ofLengths(List.of(numTokens)), tokens, targets, numTokens);
            double[] step = new double[REPEATS];
            double[] update = new double[REPEATS];
            double[] forward = new double[REPEATS];
            double loss = 0;
            for (int i = -WARM_UPS; i < REPEATS; i++) {
                long start = System.nanoTime();
                loss = trainer.forwardBackward(batch, budgets, new int[]{BUDGET}, 1.0 / numTokens).lossSum()
                        / numTokens;
                long computed = System.nanoTime();
                trainer.update(i + WARM_UPS + 1L);
                trainer.zeroGradients();
                device.stream().synchronize();
                long updated = System.nanoTime();
                trainer.evaluate(batch, budgets);
                if (i >= 0) {
                    step[i] = (updated - start) / 1e6;
                    update[i] = (updated - computed) / 1e6;
                    forward[i] = (System.nanoTime() - updated) / 1e6;
                }
            }
            double milliseconds = median(step);
            System.out.printf(Locale.ROOT, "| %d | %.1f | %.1f | %.0f | %.1f | %d | %.4f |%n", numTokens, milliseconds,
                    median(update), numTokens / milliseconds * 1e3, median(forward), device.memory().peakBytes() / MIB,
                    loss);
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
