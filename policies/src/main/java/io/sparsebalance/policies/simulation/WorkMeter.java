package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.cost.LatencyModel;
import io.sparsebalance.policies.cost.SelectedPairs;
import io.sparsebalance.policies.sparsity.CoverageCurves;
import io.sparsebalance.policies.sparsity.RunningCoverage;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a micro-batch takes and gives on the simulated devices, and sums of it. Layers with equal curves and budgets count
 * together, since a step of a thousand ranks has a third of a million pairs of document and layer. Not shared.
 */
final class WorkMeter {
    private static final int BANDS = 31;

    private final LatencyModel latency;
    private final CoverageCurves coverage;
    /** A layer of each kind, and the kind of each layer. */
    private final List<Integer> layerOfKind = new ArrayList<>();
    private final int[] kindOfLayer;
    /** Of the micro-batch at hand: kind, budget and number of layers of each group. */
    private final int[] groupKind;
    private final int[] groupBudget;
    private final int[] groupLayers;
    private int numGroups;
    private double selectedPairs;
    private double causalPairs;
    private double coveredTokens;
    private double tokens;

    /** @param coverage of the simulated model, which the balancer has to find out */
    WorkMeter(LatencyModel latency, CoverageCurves coverage) {
        this.latency = latency;
        this.coverage = coverage;
        int numLayers = latency.numLayers();
        kindOfLayer = new int[numLayers];
        groupKind = new int[numLayers];
        groupBudget = new int[numLayers];
        groupLayers = new int[numLayers];
        for (int layer = 0; layer < numLayers; layer++) {
            kindOfLayer[layer] = kind(layer);
        }
    }

    private int kind(int layer) {
        for (int kind = 0; kind < layerOfKind.size(); kind++) {
            if (isAlike(layer, layerOfKind.get(kind))) {
                return kind;
            }
        }
        layerOfKind.add(layer);
        return layerOfKind.size() - 1;
    }

    /** Curves are held by band, so one length of each tells them apart. */
    private boolean isAlike(int layer, int other) {
        for (int band = 1; band < BANDS - 1; band++) {
            int length = 3 << (band - 1);
            for (long budget = 1; budget < latency.numBlocks(length); budget = budget * 3 / 2 + 1) {
                if (coverage.coverage(layer, length, (int) budget) != coverage.coverage(other, length, (int) budget)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Seconds on a rank of speed 1. */
    double seconds(List<Integer> lengths, Budgets budgets) {
        group(budgets);
        long sum = 0;
        double seconds = latency.fixedSeconds();
        for (int length : lengths) {
            sum += length;
            for (int g = 0; g < numGroups; g++) {
                seconds += groupLayers[g] * latency.attentionSeconds(length, groupBudget[g]);
            }
        }
        return seconds + latency.linearSeconds(sum);
    }

    /** Adds a micro-batch that was run to the sums. */
    void add(List<Integer> lengths, Budgets budgets) {
        group(budgets);
        for (int length : lengths) {
            double pairs = SelectedPairs.causal(length);
            causalPairs += kindOfLayer.length * pairs;
            tokens += length;
            for (int g = 0; g < numGroups; g++) {
                int budget = groupBudget[g];
                selectedPairs += groupLayers[g] * pairs * latency.density(length, budget);
                double covered = coverage.coverage(layerOfKind.get(groupKind[g]), length, budget);
                coveredTokens += covered * length * groupLayers[g] / kindOfLayer.length;
            }
        }
    }

    private void group(Budgets budgets) {
        numGroups = 0;
        for (int layer = 0; layer < kindOfLayer.length; layer++) {
            int g = 0;
            while (g < numGroups && (groupKind[g] != kindOfLayer[layer] || groupBudget[g] != budgets.at(layer))) {
                g++;
            }
            if (g == numGroups) {
                groupKind[g] = kindOfLayer[layer];
                groupBudget[g] = budgets.at(layer);
                groupLayers[g] = 0;
                numGroups++;
            }
            groupLayers[g]++;
        }
    }

    /** What a rank would sample of a micro-batch, as the engine does: the mean over tokens. */
    RunningCoverage.Observation observation(List<Integer> lengths, List<Integer> sampledBudgets) {
        long sum = lengths.stream().mapToLong(Integer::longValue).sum();
        List<List<Double>> byKind = new ArrayList<>();
        for (int layer : layerOfKind) {
            List<Double> sampled = new ArrayList<>();
            for (int budget : sampledBudgets) {
                double covered = 0;
                for (int length : lengths) {
                    covered += coverage.coverage(layer, length, budget) * length / sum;
                }
                sampled.add(covered);
            }
            byKind.add(Collections.unmodifiableList(sampled));
        }
        List<List<Double>> byLayer = new ArrayList<>();
        for (int kind : kindOfLayer) {
            byLayer.add(byKind.get(kind));
        }
        return new RunningCoverage.Observation(lengths, byLayer);
    }

    /** Computed over causal pairs of all that was added. */
    double density() {
        return causalPairs > 0 ? selectedPairs / causalPairs : 1;
    }

    /** Mean over the tokens of all that was added. */
    double coverage() {
        return tokens > 0 ? coveredTokens / tokens : 1;
    }
}
