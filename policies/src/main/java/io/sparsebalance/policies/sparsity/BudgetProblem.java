package io.sparsebalance.policies.sparsity;

import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.Numbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * One request with its tables: the range of every budget, what ranks are busy at given budgets, and the largest budgets within
 * a time.
 */
final class BudgetProblem {
    /** A time that is exactly reached must not be missed by the order of a sum. */
    private static final double ROUNDING = 1e-10;

    private final BudgetRequest request;
    private final Workload work;
    private final int numLayers;
    /** Lowest and highest level of each layer of each micro-batch. */
    private final short[] low;
    private final short[] high;
    private final RankFilling filling;
    private final int[] rankOf;
    private final double[] speeds;

    /** @param withDensity whether {@link #surplus} will be asked */
    BudgetProblem(BudgetRequest request, boolean withDensity) {
        this.request = request;
        this.work = new Workload(request, withDensity);
        this.numLayers = work.numLayers();
        this.low = new short[work.numMicroBatches() * numLayers];
        this.high = new short[low.length];
        this.rankOf = Numbers.ints(request.ranks());
        this.speeds = Numbers.doubles(request.rankSpeeds());
        setRanges();
        this.filling = new RankFilling(work, low, high, speeds.length);
    }

    /**
     * From the guard's floor to the top, and within the bound of change around the running budget of the band and layer. The
     * bound gives way to the floor, and never stands between a budget and the base: so T* is never above what it would be
     * at fixed budgets.
     */
    private void setRanges() {
        BudgetLevels levels = work.levels();
        SparsitySettings settings = request.settings();
        short[][] lowest = new short[BandCurves.NUM_BANDS][];
        short[][] highest = new short[BandCurves.NUM_BANDS][];
        for (BudgetMemory.Running running : request.memory().running()) {
            if (running.budgets().size() == numLayers) {
                short[] bandLow = new short[numLayers];
                short[] bandHigh = new short[numLayers];
                for (int layer = 0; layer < numLayers; layer++) {
                    double budget = running.budgets().get(layer);
                    bandLow[layer] = (short) levels
                            .atLeast(Math.min(settings.baseBudget(), budget / settings.maxChange()));
                    bandHigh[layer] = (short) levels
                            .atMost(Math.max(settings.baseBudget(), budget * settings.maxChange()));
                }
                lowest[running.band()] = bandLow;
                highest[running.band()] = bandHigh;
            }
        }
        for (int i = 0; i < work.numMicroBatches(); i++) {
            int band = BudgetMemory.band(work.longest(i));
            int top = work.top(i);
            for (int layer = 0; layer < numLayers; layer++) {
                int floor = work.floor(i, layer);
                int from = lowest[band] == null ? floor : Math.max(floor, Math.min(top, lowest[band][layer]));
                int to = highest[band] == null ? top : Math.min(top, highest[band][layer]);
                low[i * numLayers + layer] = (short) from;
                high[i * numLayers + layer] = (short) Math.max(from, to);
            }
        }
    }

    /**
     * Narrows the ranges to the bound of change around what is planned now; a planned budget may always stay. With
     * {@link Anchor#ISO_DENSITY} none falls: the plan holds no more attention than the base does, and what a lagging rank lost, no other
     * would make good.
     */
    void narrow(List<Budgets> current, Set<Integer> started) {
        BudgetLevels levels = work.levels();
        double factor = request.settings().maxChange();
        double lowering = request.settings().anchor() == Anchor.ISO_DENSITY ? 1 : factor;
        for (int i = 0; i < work.numMicroBatches(); i++) {
            for (int layer = 0; layer < numLayers && !started.contains(i); layer++) {
                int now = current.get(i).at(layer);
                int at = i * numLayers + layer;
                int from = Math.max(work.floor(i, layer), levels.atLeast(now / lowering));
                low[at] = (short) Math.min(from, levels.atMost(now));
                high[at] = (short) Math.max(low[at], Math.min(work.top(i), levels.atMost(now * factor)));
            }
        }
    }

    int numRanks() {
        return speeds.length;
    }

    /** Seconds of a micro-batch on its rank, all layers at one level. */
    double secondsAt(int microBatch, int level) {
        return speeds[rankOf[microBatch]]
                * (work.constantSeconds(microBatch) + numLayers * work.layerSeconds(microBatch, level));
    }

    /** Seconds of a micro-batch on its rank at its lowest budgets. */
    double lowestSeconds(int microBatch) {
        return seconds(microBatch, low);
    }

    private double seconds(int microBatch, short[] chosen) {
        double seconds = work.constantSeconds(microBatch);
        double[] layerSeconds = work.layerSeconds();
        int level = microBatch * work.levels().size();
        for (int at = microBatch * numLayers; at < (microBatch + 1) * numLayers; at++) {
            seconds += layerSeconds[level + chosen[at]];
        }
        return seconds * speeds[rankOf[microBatch]];
    }

    /** Busy seconds of each rank at the base budget. */
    double[] baseBusy() {
        int base = work.levels().atLeast(request.settings().baseBudget());
        double[] busy = new double[speeds.length];
        for (int i = 0; i < rankOf.length; i++) {
            busy[rankOf[i]] += secondsAt(i, base);
        }
        return busy;
    }

    /** Busy seconds of a rank that no budget changes, mean over ranks that have work. */
    double meanConstantSeconds() {
        double sum = 0;
        for (int i = 0; i < rankOf.length; i++) {
            sum += speeds[rankOf[i]] * work.constantSeconds(i);
        }
        return sum / Math.max(1, Arrays.stream(rankOf).distinct().count());
    }

    /** Largest busy time of a rank at its lowest budgets. */
    double reachable() {
        return mostBusy(low);
    }

    /** Largest busy time of a rank at its highest budgets. */
    double useful() {
        return mostBusy(high);
    }

    private double mostBusy(short[] chosen) {
        double[] busy = new double[speeds.length];
        double most = 0;
        for (int i = 0; i < rankOf.length; i++) {
            busy[rankOf[i]] += seconds(i, chosen);
            most = Math.max(most, busy[rankOf[i]]);
        }
        return most;
    }

    /** Micro-batches of each rank, without those left out. */
    int[][] byRank(Set<Integer> without) {
        int[] counts = new int[speeds.length];
        for (int i = 0; i < rankOf.length; i++) {
            counts[rankOf[i]] += without.contains(i) ? 0 : 1;
        }
        int[][] byRank = new int[speeds.length][];
        for (int rank = 0; rank < byRank.length; rank++) {
            byRank[rank] = new int[counts[rank]];
        }
        for (int i = rankOf.length - 1; i >= 0; i--) {
            if (!without.contains(i)) {
                byRank[rankOf[i]][--counts[rankOf[i]]] = i;
            }
        }
        return byRank;
    }

    /**
     * Largest budgets within a time; the lowest where even those take longer.
     *
     * @param byRank micro-batches of each rank
     * @param seconds busy time of each rank that may not be exceeded
     * @return level of each layer of each micro-batch; 0 for those of no rank
     */
    short[] fill(int[][] byRank, double[] seconds) {
        short[] chosen = new short[low.length];
        for (int rank = 0; rank < byRank.length; rank++) {
            filling.fill(rank, byRank[rank], seconds[rank] / speeds[rank] * (1 + ROUNDING), chosen);
        }
        return chosen;
    }

    /**
     * How much more attention than at the base, as a share of the base: the smaller of that in effective budgets and that in
     * computed pairs.
     */
    double surplus(short[] chosen) {
        int base = work.levels().atLeast(request.settings().baseBudget());
        int numLevels = work.levels().size();
        double[] effectiveAt = work.effective();
        double[] pairsAt = work.pairs();
        double effective = 0;
        double pairs = 0;
        double baseEffective = 0;
        double basePairs = 0;
        for (int i = 0; i < rankOf.length; i++) {
            int level = i * numLevels;
            baseEffective += numLayers * effectiveAt[level + base];
            basePairs += numLayers * pairsAt[level + base];
            for (int at = i * numLayers; at < (i + 1) * numLayers; at++) {
                effective += effectiveAt[level + chosen[at]];
                pairs += pairsAt[level + chosen[at]];
            }
        }
        return basePairs > 0 ? Math.min(effective / baseEffective, pairs / basePairs) - 1 : 0;
    }

    /** Whether tables are read between their points, so that sums are right to some parts in ten thousand only. */
    boolean rounded() {
        return !work.exact();
    }

    /** The plan at these levels. */
    BudgetPlan plan(short[] chosen, double target) {
        List<Budgets> budgets = new ArrayList<>(rankOf.length);
        List<Double> predicted = new ArrayList<>(rankOf.length);
        double[][] sums = new double[BandCurves.NUM_BANDS][numLayers];
        double[] tokens = new double[BandCurves.NUM_BANDS];
        int[] byLayer = new int[numLayers];
        for (int i = 0; i < rankOf.length; i++) {
            int band = BudgetMemory.band(work.longest(i));
            tokens[band] += work.tokens(i);
            for (int layer = 0; layer < numLayers; layer++) {
                byLayer[layer] = work.levels().budget(chosen[i * numLayers + layer]);
                sums[band][layer] += work.tokens(i) * byLayer[layer];
            }
            budgets.add(Budgets.of(byLayer));
            predicted.add(seconds(i, chosen));
        }
        BudgetMemory memory = request.memory().after(request.rankSpeeds(), sums, tokens);
        return new BudgetPlan(budgets, floors(), predicted, baseSeconds(), target, memory);
    }

    private List<Budgets> floors() {
        List<Budgets> floors = new ArrayList<>(rankOf.length);
        int[] byLayer = new int[numLayers];
        for (int i = 0; i < rankOf.length; i++) {
            boolean same = i > 0;
            for (int layer = 0; layer < numLayers; layer++) {
                int floor = work.levels().budget(work.floor(i, layer));
                same &= floor == byLayer[layer];
                byLayer[layer] = floor;
            }
            // Most micro-batches have the floors of the one before; a million numbers are worth not repeating.
            floors.add(same ? floors.getLast() : Budgets.of(byLayer));
        }
        return floors;
    }

    private List<Double> baseSeconds() {
        int base = work.levels().atLeast(request.settings().baseBudget());
        List<Double> seconds = new ArrayList<>(rankOf.length);
        for (int i = 0; i < rankOf.length; i++) {
            seconds.add(secondsAt(i, base));
        }
        return seconds;
    }

    /**
     * A plan with new budgets for some micro-batches; the others keep theirs.
     *
     * @param chosen levels of those that are not kept
     */
    BudgetPlan revised(short[] chosen, List<Budgets> current, Set<Integer> kept, double target) {
        List<Budgets> budgets = new ArrayList<>(current);
        List<Double> predicted = new ArrayList<>(rankOf.length);
        int[] byLayer = new int[numLayers];
        for (int i = 0; i < rankOf.length; i++) {
            if (kept.contains(i)) {
                predicted.add(plannedSeconds(i, current.get(i)));
                continue;
            }
            for (int layer = 0; layer < numLayers; layer++) {
                byLayer[layer] = work.levels().budget(chosen[i * numLayers + layer]);
            }
            budgets.set(i, Budgets.of(byLayer));
            predicted.add(seconds(i, chosen));
        }
        return new BudgetPlan(budgets, floors(), predicted, baseSeconds(), target, request.memory());
    }

    /** Seconds of a micro-batch on its rank at budgets that may lie between levels. */
    double plannedSeconds(int microBatch, Budgets budgets) {
        return speeds[rankOf[microBatch]]
                * request.latency().microBatchSeconds(request.lengths().get(microBatch), budgets);
    }
}
