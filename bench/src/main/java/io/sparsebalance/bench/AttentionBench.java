package io.sparsebalance.bench;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.openblas.global.openblas_nolapack;

/**
 * Block-sparse attention on one thread against OpenBLAS's own rate for one 512 x 512 x 512 product. Prints a Markdown
 * table; every figure is the median of repeats, and in each repeat the product, the forward, the backward and the router
 * run after one another, so that a change of the machine's speed strikes all of them.
 *
 * <p>Work is counted over selected pairs only: 4 D operations a pair and head forward (two products), 10 D backward (five).
 *
 * <p>Options, as system properties: {@code tokens} (8192), {@code repeats} (9), {@code heads} (8), {@code kvHeads} (2),
 * {@code threads} (1; ratios mean little with more).
 */
public final class AttentionBench {
    private static final int PRODUCT = 512;
    private static final int PRODUCTS_A_REPEAT = 20;
    private static final double[] DENSITIES = {0.125, 0.25, 1};
    private static final int WARM_UPS = 2;

    private final int tokens = Integer.getInteger("tokens", 8192);
    private final int repeats = Integer.getInteger("repeats", 9);
    private final int heads = Integer.getInteger("heads", 8);
    private final int kvHeads = Integer.getInteger("kvHeads", 2);
    private final Packing documents = Packing.ofLengths(List.of(tokens));

    private AttentionBench() {
    }

    /** Runs all cases and prints the table. */
    public static void main(String[] arguments) {
        openblas_nolapack.blas_set_num_threads(1);
        try (Device device = Devices.open("cpu", Integer.getInteger("threads", 1))) {
            new AttentionBench().run(device);
        }
    }

    private void run(Device device) {
        System.out.println(device.description());
        System.out.printf(Locale.ROOT, "%n%d tokens, %d query heads, %d key/value heads, tile 64, medians of %d%n%n",
                tokens,
                heads, kvHeads, repeats);
        System.out.println("| D | block | density % | sgemm GFLOP/s | forward ms | GFLOP/s | of sgemm % | backward ms"
                + " | GFLOP/s | of sgemm % | router ms |");
        System.out.println("|---|---|---|---|---|---|---|---|---|---|---|");
        for (int headSize : new int[]{64, 128}) {
            for (int block : new int[]{64, 128}) {
                for (double density : DENSITIES) {
                    measure(device, new AttentionShape(heads, kvHeads, headSize, block, 64, 0, 0), density);
                }
            }
        }
    }

    private void measure(Device device, AttentionShape shape, double density) {
        SparseAttention attention = device.attention(shape);
        int size = shape.headSize();
        try (Tensor q = normal(device, 1, heads, size);
                Tensor k = normal(device, 2, kvHeads, size);
                Tensor v = normal(device, 3, kvHeads, size);
                Tensor dOut = normal(device, 4, heads, size);
                Tensor out = device.allocate(DType.F32, tokens, heads, size);
                Tensor logSumExp = device.allocate(DType.F32, heads, tokens);
                Tensor dq = device.allocate(DType.F32, tokens, heads, size);
                Tensor dk = device.allocate(DType.F32, tokens, kvHeads, size);
                Tensor dv = device.allocate(DType.F32, tokens, kvHeads, size)) {
            int budget = budget(device, attention, q, k, density);
            Medians medians = new Medians(repeats);
            long pairs = 0;
            double realDensity = 0;
            for (int i = -WARM_UPS; i < repeats; i++) {
                double product = productSeconds();
                long start = System.nanoTime();
                try (BlockLists lists = attention.route(device.stream(), q, k, documents, budget, new int[]{budget})) {
                    long routed = System.nanoTime();
                    attention.forward(device.stream(), q, k, v, lists, out, logSumExp);
                    long forward = System.nanoTime();
                    attention.backward(device.stream(), q, k, v, out, dOut, logSumExp, lists, dq, dk, dv);
                    long backward = System.nanoTime();
                    pairs = lists.selectedPairs();
                    realDensity = lists.density();
                    if (i >= 0) {
                        medians.add(i, product, routed - start, forward - routed, backward - forward);
                    }
                }
            }
            print(shape, realDensity, (double) pairs * heads * size, medians);
        }
    }

    private static void print(AttentionShape shape, double density, double pairElements, Medians medians) {
        double product = 2.0 * PRODUCT * PRODUCT * PRODUCT / medians.product() * 1e-9;
        double forward = 4 * pairElements / medians.forward();
        double backward = 10 * pairElements / medians.backward();
        System.out.printf(Locale.ROOT, "| %d | %d | %.1f | %.1f | %.1f | %.1f | %.0f | %.1f | %.1f | %.0f | %.2f |%n",
                shape.headSize(), shape.block(), 100 * density, product, medians.forward() * 1e-6, forward,
                100 * forward / product, medians.backward() * 1e-6, backward, 100 * backward / product,
                medians.router() * 1e-6);
    }

    /** The budget whose density comes closest. */
    private int budget(Device device, SparseAttention attention, Tensor q, Tensor k, double density) {
        int most = tokens / attention.shape().block() + 2;
        int best = 1;
        double bestError = 1;
        for (int budget = 1; budget <= most; budget++) {
            try (BlockLists lists = attention.route(device.stream(), q, k, documents, budget, new int[0])) {
                double error = Math.abs(lists.density() - density);
                if (error < bestError) {
                    bestError = error;
                    best = budget;
                }
            }
        }
        return best;
    }

    private Tensor normal(Device device, long seed, int numHeads, int size) {
        Tensor tensor = device.allocate(DType.F32, tokens, numHeads, size);
        SplittableRandom random = new SplittableRandom(seed);
        for (long i = 0; i < tensor.size(); i++) {
            tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }
        return tensor;
    }

    /** Mean time of one product over a burst. */
    private static double productSeconds() {
        long elements = (long) PRODUCT * PRODUCT;
        try (FloatPointer a = new FloatPointer(elements);
                FloatPointer b = new FloatPointer(elements);
                FloatPointer c = new FloatPointer(elements)) {
            for (long i = 0; i < elements; i++) {
                a.put(i, i % 7 - 3f);
                b.put(i, i % 5 - 2f);
            }
            long start = System.nanoTime();
            for (int i = 0; i < PRODUCTS_A_REPEAT; i++) {
                openblas_nolapack.cblas_sgemm(openblas_nolapack.CblasRowMajor, openblas_nolapack.CblasNoTrans,
                        openblas_nolapack.CblasNoTrans, PRODUCT, PRODUCT, PRODUCT, 1, a, PRODUCT, b, PRODUCT, 0, c,
                        PRODUCT);
            }
            return (System.nanoTime() - start) * 1e-9 / PRODUCTS_A_REPEAT;
        }
    }

    /** Times of the repeats: of one product in seconds, of the rest in nanoseconds. */
    private static final class Medians {
        private final double[][] times;

        Medians(int repeats) {
            times = new double[4][repeats];
        }

        void add(int repeat, double product, long router, long forward, long backward) {
            times[0][repeat] = product;
            times[1][repeat] = router;
            times[2][repeat] = forward;
            times[3][repeat] = backward;
        }

        double product() {
            return median(times[0]);
        }

        double router() {
            return median(times[1]);
        }

        double forward() {
            return median(times[2]);
        }

        double backward() {
            return median(times[3]);
        }

        private static double median(double[] values) {
            double[] sorted = values.clone();
            Arrays.sort(sorted);
            return sorted[sorted.length / 2];
        }
    }
}
