package io.sparsebalance.policies.workload;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Latency tables of a made-up device. */
public final class Tables {
    /** Layers of the made-up model. */
    public static final int LAYERS = 4;
    /** Blocks and tiles of it. */
    public static final SelectedPairs PAIRS = new SelectedPairs(64, 64, 0);

    private Tables() {
    }

    /** True seconds of attention: pairs, rows and router. */
    public static double attention(int length, int budget) {
        return 2e-6 + 3e-8 * length + 4e-10 * PAIRS.count(length, budget)
                + 2e-9 * ((double) length / 64) * ((double) length / 64);
    }

    /** A table of noisy measurements: each is off by up to {@code noise}, relatively. */
    public static LatencyTable table(RandomGenerator random, double noise) {
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        for (int length : new int[]{64, 256, 1024, 4096, 16_384, 65_536}) {
            for (int budget : new int[]{2, 8, 32, 128}) {
                attention.add(new LatencyTable.AttentionPoint(length, budget,
                        attention(length, budget) * wobble(random, noise)));
            }
        }
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        for (int tokens : new int[]{128, 1024, 8192, 65_536}) {
            linear.add(new LatencyTable.LinearPoint(tokens, 4e-7 * tokens * wobble(random, noise)));
        }
        return new LatencyTable(LAYERS, PAIRS, "made up", attention, linear, 1e-4);
    }

    /** The model of a table without noise. */
    public static LatencyModel exact() {
        return table(new java.util.SplittableRandom(0), 0).model();
    }

    private static double wobble(RandomGenerator random, double noise) {
        return 1 + noise * (2 * random.nextDouble() - 1);
    }
}
