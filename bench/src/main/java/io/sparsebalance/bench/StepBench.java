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
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A whole training step (forward, backward, update) on one CPU core, in model FLOPs, against OpenBLAS's own rate for a
 * 512 x 512 x 512 product on the same core, measured in turns. Prints a Markdown table.
 *
 * <p>Model FLOPs: 6 for each matrix parameter and token, and 12 D for each selected (query, key) pair and query head
 * (forward 4 D, backward 8 D); work done again in the backward does not count.
 */
public final class StepBench {
    private static final int REPEATS = 7;
    private static final int WARM_UPS = 3;
    private static final int PRODUCT_SIZE = 512;
    private static final int PRODUCTS = 20;

    private StepBench() {
    }

    /** Runs all shapes. */
    public static void main(String[] args) {
        System.out.println("| model | tokens | documents | budget | step ms | GFLOP/s | sgemm 512 GFLOP/s | ratio |");
        System.out.println("|---|---|---|---|---|---|---|---|");
        run("4 x 128, D 32 (default)", 4, 128, 384, new AttentionShape(4, 2, 32, 64, 64, 1, 1), List.of(8192), 8);
        run("4 x 256, D 64", 4, 256, 768, new AttentionShape(4, 2, 64, 64, 64, 1, 1), List.of(4096, 2048, 1024, 1024),
                16);
        run("4 x 512, D 64", 4, 512, 1536, new AttentionShape(8, 4, 64, 64, 64, 1, 1), List.of(8192), 16);
        run("2 x 1024, D 128", 2, 1024, 3072, new AttentionShape(8, 4, 128, 64, 64, 1, 1), List.of(4096), 16);
    }

    private static void run(String name, int layers, int hidden, int ffn, AttentionShape attention,
            List<Integer> lengths,
            int budget) {
        ModelConfig model = new ModelConfig(256, layers, hidden, ffn, attention, 10_000, 1e-6f, true, true, false);
        OptimizerConfig optimizer = new OptimizerConfig(1e-3, 0.1, 10, 1000, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0);
        Packing documents = Packing.ofLengths(lengths);
        int numTokens = documents.numTokens();
        int[] budgets = new int[layers];
        Arrays.fill(budgets, budget);
        try (Device device = Devices.open("cpu", 1);
                Trainer trainer = Trainers.create(device, model, optimizer, 1);
                Tensor tokens = device.allocate(DType.I32, numTokens);
                Tensor targets = device.allocate(DType.I32, numTokens);
                Product product = new Product(device)) {
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < numTokens; i++) {
                tokens.segment().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(256));
                targets.segment().setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt(256));
            }
            TokenBatch batch = new TokenBatch(documents, tokens, targets, numTokens);
            double[] seconds = new double[REPEATS];
            double[] productRates = new double[REPEATS];
            double flops = 0;
            for (int i = -WARM_UPS; i < REPEATS; i++) {
                double rate = product.flopsPerSecond();
                long start = System.nanoTime();
                long pairs = trainer.forwardBackward(batch, budgets, budgets, 1.0 / numTokens).selectedPairs();
                trainer.update(Math.max(1, i + WARM_UPS + 1));
                trainer.zeroGradients();
                double elapsed = (System.nanoTime() - start) / 1e9;
                // The table of a tied model is a matrix of the output product; the embedding itself is a copy.
                flops = 6.0 * trainer.numParameters() * numTokens
                        + 12.0 * attention.headSize() * attention.heads() * pairs;
                if (i >= 0) {
                    seconds[i] = elapsed;
                    productRates[i] = rate;
                }
            }
            double step = median(seconds);
            double rate = flops / step;
            double productRate = median(productRates);
            System.out.printf(Locale.ROOT, "| %s | %d | %s | %d | %.1f | %.1f | %.1f | %.2f |%n", name, numTokens,
                    lengths,
                    budget, step * 1e3, rate / 1e9, productRate / 1e9, rate / productRate);
        }
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /** Products of two square matrices. */
    private static final class Product implements AutoCloseable {
        private final Device device;
        private final Tensor a;
        private final Tensor b;
        private final Tensor c;

        Product(Device device) {
            this.device = device;
            a = device.allocate(DType.F32, PRODUCT_SIZE, PRODUCT_SIZE);
            b = device.allocate(DType.F32, PRODUCT_SIZE, PRODUCT_SIZE);
            c = device.allocate(DType.F32, PRODUCT_SIZE, PRODUCT_SIZE);
            device.ops().fill(device.stream(), a, 0.5f);
            device.ops().fill(device.stream(), b, 0.25f);
        }

        double flopsPerSecond() {
            long start = System.nanoTime();
            for (int i = 0; i < PRODUCTS; i++) {
                device.ops().matmul(device.stream(), a, false, b, false, 1, 0, c);
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            return 2.0 * PRODUCT_SIZE * PRODUCT_SIZE * PRODUCT_SIZE * PRODUCTS / seconds;
        }

        @Override
        public void close() {
            a.close();
            b.close();
            c.close();
        }
    }
}
