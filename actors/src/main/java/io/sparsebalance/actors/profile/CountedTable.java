package io.sparsebalance.actors.profile;

import io.sparsebalance.actors.rank.Replicas;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.ModelFlops;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.cost.SelectedPairs;
import java.util.ArrayList;
import java.util.List;

/**
 * A latency table of counted operations: a function of model and configuration alone, for runs whose micro-batches and budgets
 * must be the same wherever and on however many ranks they run. Linear parts take {@link ModelFlops} a token at one rate;
 * attention 14/12 of its FLOPs a selected pair, since the backward computes the scores again, at half that rate, since blocks
 * are gathered; the router scores each tile's pooled queries against all pooled keys at that half rate too. Only proportions
 * matter: who is slower than predicted is found against the other ranks.
 */
public final class CountedTable {
    private static final double LINEAR_RATE = 40e9;
    private static final double ATTENTION_RATE = 20e9;
    private static final double WITH_SCORES_AGAIN = 14.0 / 12;
    private static final double ROUTER_OPERATIONS = 4;

    private CountedTable() {
    }

    /** The table, on powers of two of lengths and budgets. */
    public static LatencyTable of(TrainingConfig config, ModelConfig model) {
        SelectedPairs pairs = Replicas.pairs(config);
        ModelFlops flops = ModelFlops.of(model);
        double pairSeconds = WITH_SCORES_AGAIN * flops.attentionPerPair() / ATTENTION_RATE;
        double scoreSeconds = ROUTER_OPERATIONS * (double) config.model().heads() * config.model().headSize()
                / ATTENTION_RATE;
        List<LatencyTable.AttentionPoint> attention = new ArrayList<>();
        List<LatencyTable.LinearPoint> linear = new ArrayList<>();
        long length = pairs.queryTile();
        do {
            double scores = Math.ceilDiv(length, (long) pairs.queryTile()) * (double) pairs.numBlocks((int) length);
            for (long budget = 1; budget < 2L * config.attention().kMax(); budget *= 2) {
                attention.add(new LatencyTable.AttentionPoint((int) length, (int) budget,
                        pairSeconds * pairs.count((int) length, (int) budget) + scoreSeconds * scores));
            }
            linear.add(new LatencyTable.LinearPoint((int) length, flops.linearPerToken() / LINEAR_RATE * length));
            length *= 2;
        } while (length < 2L * Math.max(config.data().maxDocumentTokens(), config.batch().tokenCap()));
        return new LatencyTable(model.layers(), pairs, "counted operations, nothing measured", attention, linear, 0);
    }
}
