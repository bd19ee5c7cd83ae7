package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import java.util.List;

/**
 * What budgets cost and give for one micro-batch on its rank, tabulated for every budget from k-min to k-max, since the
 * decision asks for each many times.
 */
final class MicroBatchCost {
    private final int minBudget;
    private final double constantSeconds;
    /** Attention seconds of one layer at each budget. */
    private final double[] layerSeconds;
    /** Token-weighted coverage at each budget, by layer. */
    private final double[][] coverage;
    /** Token-weighted effective budget, no larger than a document has blocks. */
    private final double[] effective;
    /** Computed pairs over causal pairs, as a number of pairs. */
    private final double[] pairs;
    private final long tokens;
    private final int coveringBudget;

    MicroBatchCost(List<Integer> lengths, double speed, SparsitySettings settings, LatencyModel latency,
            CoverageCurves curves) {
        int size = settings.maxBudget() - settings.minBudget() + 1;
        minBudget = settings.minBudget();
        layerSeconds = new double[size];
        coverage = new double[latency.numLayers()][size];
        effective = new double[size];
        pairs = new double[size];
        long sum = 0;
        for (int length : lengths) {
            sum += length;
        }
        tokens = sum;
        coveringBudget = lengths.stream().mapToInt(latency::numBlocks).max().orElse(1);
        constantSeconds = speed * (latency.fixedSeconds() + latency.linearSeconds(tokens));
        for (int k = 0; k < size; k++) {
            int budget = minBudget + k;
            for (int length : lengths) {
                layerSeconds[k] += speed * latency.attentionSeconds(length, budget);
                effective[k] += (double) length * Math.min(budget, latency.numBlocks(length));
                pairs[k] += latency.density(length, budget) * length * (length + 1.0) / 2;
                for (int layer = 0; layer < coverage.length; layer++) {
                    coverage[layer][k] += curves.coverage(layer, length, budget) * length / tokens;
                }
            }
        }
    }

    int numLayers() {
        return coverage.length;
    }

    long tokens() {
        return tokens;
    }

    /** Budget at which every document is dense. */
    int coveringBudget() {
        return coveringBudget;
    }

    double layerSeconds(int budget) {
        return layerSeconds[budget - minBudget];
    }

    double coverage(int layer, int budget) {
        return coverage[layer][budget - minBudget];
    }

    double seconds(Budgets budgets) {
        double seconds = constantSeconds;
        for (int budget : budgets.byLayer()) {
            seconds += layerSeconds(budget);
        }
        return seconds;
    }

    double seconds(int budget) {
        return constantSeconds + numLayers() * layerSeconds(budget);
    }

    /** Sum over layers of effective budget times tokens. */
    double effective(Budgets budgets) {
        return budgets.byLayer().stream().mapToDouble(k -> effective[k - minBudget]).sum();
    }

    /** Sum over layers of computed pairs. */
    double pairs(Budgets budgets) {
        return budgets.byLayer().stream().mapToDouble(k -> pairs[k - minBudget]).sum();
    }

    /** Smallest budget whose mean coverage is at least (1 - guard) of that at the base; the base if none is smaller. */
    int floor(SparsitySettings settings) {
        double needed = (1 - settings.guard()) * meanCoverage(settings.baseBudget());
        for (int k = settings.minBudget(); k < settings.baseBudget(); k++) {
            if (meanCoverage(k) >= needed) {
                return k;
            }
        }
        return settings.baseBudget();
    }

    private double meanCoverage(int budget) {
        double sum = 0;
        for (double[] layer : coverage) {
            sum += layer[budget - minBudget];
        }
        return sum / coverage.length;
    }
}
