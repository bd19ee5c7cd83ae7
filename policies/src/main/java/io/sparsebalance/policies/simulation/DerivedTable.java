package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.List;

/**
 * A latency table from first principles, for where nothing was measured: operations over what a device sustains.
 *
 * <p>With {@code w} = heads x head size, forward and backward of one micro-batch on one device take
 * <ul>
 * <li>linear parts: {@code 6 P / L} seconds a token: 6 operations a parameter P of the matrices (2 forward, 4 backward; Kaplan et
 * al. 2020, arXiv 2001.08361) at L sustained operations a second;
 * <li>attention of a document in a layer: {@code 14 w / A} seconds a selected (query, key) pair: 4 operations forward and 10
 * backward, which computes the scores again (Dao 2023, arXiv 2307.08691), at A sustained operations a second;
 * <li>router of a document in a layer: {@code tiles x blocks x 4 w / R}: scores of pooled queries with pooled keys and the
 * ranking of blocks, at R operations a second;
 * <li>{@code D} seconds a document and layer, {@code F} seconds a micro-batch, for launches.
 * </ul>
 *
 * <p>{@code 3b} is a model in the shape of Qwen2.5-3B (36 layers, width 2048, 16 query heads of 128, 3.09e9 parameters in
 * matrices) with blocks of 256 and query tiles of 64 on a device of 989e12 bf16 operations a second (H100 and H200 SXM, data
 * sheet, dense): L is 40 % of that, as large trainers report; A is 20 %, about 60 % of what FlashAttention-2 reaches there
 * forward and backward, since blocks are gathered; R is 10 %; D is 10 us, F is 5 ms. It is derived, not measured: it says how
 * arms compare, not how long a step takes on your machine.
 */
public final class DerivedTable {
    /** Name of the only one. */
    public static final String NAME = "3b";

    private static final int LAYERS = 36;
    private static final double WIDTH = 16 * 128;
    private static final double PARAMETERS = 3.09e9;
    private static final SelectedPairs PAIRS = new SelectedPairs(256, 64, 0);
    private static final double PEAK = 989e12;
    private static final double LINEAR_RATE = 0.4 * PEAK;
    private static final double ATTENTION_RATE = 0.2 * PEAK;
    private static final double ROUTER_RATE = 0.1 * PEAK;
    private static final double DOCUMENT_SECONDS = 10e-6;
    private static final double FIXED_SECONDS = 5e-3;
    private static final int LONGEST = 1 << 20;

    private DerivedTable() {
    }

    /** The table, on a grid of powers of two of lengths and budgets. */
    public static LatencyTable table() {
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        for (int length = PAIRS.queryTile(); length <= LONGEST; length *= 2) {
            for (int budget = 1; budget <= Math.max(1, length / PAIRS.block()); budget *= 2) {
                attention.add(new LatencyTable.AttentionPoint(length, budget, attentionSeconds(length, budget)));
            }
            linear.add(new LatencyTable.LinearPoint(length, 6 * PARAMETERS / LINEAR_RATE * length));
        }
        return new LatencyTable(LAYERS, PAIRS, "3b: derived from operations and peak rates, not measured", attention,
                linear, FIXED_SECONDS);
    }

    private static double attentionSeconds(int length, int budget) {
        double scores = (double) length / PAIRS.queryTile() * PAIRS.numBlocks(length) * 4 * WIDTH;
        return DOCUMENT_SECONDS + 14 * WIDTH / ATTENTION_RATE * PAIRS.count(length, budget) + scores / ROUTER_RATE;
    }
}
