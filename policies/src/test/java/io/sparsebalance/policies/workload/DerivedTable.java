package io.sparsebalance.policies.workload;

import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.List;

/**
 * A latency table derived from the arithmetic of a model of 3 billion parameters (36 layers, width 2048, 16 query heads of
 * 128) with attention blocks of 256 on one accelerator:
 * <ul>
 * <li>linear parts: 6 floating-point operations a parameter and token, forward and backward, at 4e14 a second: 46 us a token;
 * <li>attention: 14 operations a pair and unit of width (4 forward, 10 backward) at 2e14 a second: 0.14 ns a pair and layer;
 * <li>router: scores of 1 KV head group over blocks, 2 heads, 4 operations a unit at 1e14, for each tile and block: 0.02 ns x
 * tokens x blocks / 64;
 * <li>10 us a document and layer, 5 ms a micro-batch.
 * </ul>
 */
public final class DerivedTable {
    /** Layers of the model. */
    public static final int LAYERS = 36;
    /** Key tokens of a block. */
    public static final int BLOCK = 256;
    private static final SelectedPairs PAIRS = new SelectedPairs(BLOCK, 64, 0);
    private static final double LINEAR_SECONDS = 6 * 3.09e9 / 4e14;
    private static final double PAIR_SECONDS = 14 * 2048 / 2e14;
    private static final double SCORE_SECONDS = 2e-11;

    private DerivedTable() {
    }

    /** Points on a grid of powers of two, to 131,072 tokens and 512 blocks. */
    public static LatencyTable table() {
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        for (int length = 64; length <= 131_072; length *= 2) {
            for (int budget = 1; budget <= 512; budget *= 2) {
                double seconds = 1e-5 + PAIR_SECONDS * PAIRS.count(length, budget)
                        + SCORE_SECONDS * length / 64 * PAIRS.numBlocks(length);
                attention.add(new LatencyTable.AttentionPoint(length, budget, seconds));
            }
            linear.add(new LatencyTable.LinearPoint(length, LINEAR_SECONDS * length));
        }
        return new LatencyTable(LAYERS, PAIRS, "derived", attention, linear, 5e-3);
    }

    /** The table's model. */
    public static LatencyModel model() {
        return table().model();
    }
}
