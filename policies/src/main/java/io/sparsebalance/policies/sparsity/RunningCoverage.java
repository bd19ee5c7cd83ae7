package io.sparsebalance.policies.sparsity;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Running averages of measured coverage, by layer and by length band (powers of two), from what ranks report with each
 * micro-batch. Immutable: the observations of a step give a new object, at the price of one copy of the averages.
 *
 * <p>A report is the mean over a micro-batch's tiles, so over its documents by their tokens. Documents that a budget covers
 * count with exactly 1; what is left over is shared out among the bands of the others in proportion to their weight
 * (Kaczmarz 1937: the smallest correction of the averages that explains the report). With one band that is the plain average.
 *
 * <p>What is read changes only when an average has moved by more than noise does, so that budgets do not swing with it. A band
 * that was never seen reads as in {@link CoverageTable}.
 */
public final class RunningCoverage implements CoverageCurves {
    /** An average forgets: after this many observations a new one weighs one part in this many. */
    private static final int MEMORY = 200;
    /** Coverage lies within 0 and 1 and guards about a tenth of it, so it is held ten times closer than speeds. */
    private static final double SHARE_OF_HYSTERESIS = 0.1;

    private final int block;
    private final double tolerance;
    private final int[] budgets;
    /** By layer, band and budget: the average, and what of it is published. */
    private final double[][][] means;
    private final double[][][] published;
    /** Observations by band and budget. */
    private final int[][] counts;
    private final BandCurves curves;

    /**
     * What a rank reported of one micro-batch.
     *
     * @param lengths of its documents
     * @param coverage of each layer, at each sampled budget; empty where a layer was not sampled
     */
    public record Observation(List<Integer> lengths, List<List<Double>> coverage) {
        /** Copies. */
        public Observation {
            lengths = List.copyOf(lengths);
            coverage = coverage.stream().map(List::copyOf).toList();
        }
    }

    private RunningCoverage(int block, double tolerance, int[] budgets, double[][][] means, double[][][] published,
            int[][] counts, BandCurves curves) {
        this.block = block;
        this.tolerance = tolerance;
        this.budgets = budgets;
        this.means = means;
        this.published = published;
        this.counts = counts;
        this.curves = curves;
    }

    /** Nothing seen yet; every change of an average is published. */
    public static RunningCoverage empty(int block) {
        return empty(block, 0);
    }

    /**
     * Nothing seen yet.
     *
     * @param hysteresis as in {@link SparsitySettings}; an average is published when it moved by a tenth of it
     */
    public static RunningCoverage empty(int block, double hysteresis) {
        return new RunningCoverage(block, SHARE_OF_HYSTERESIS * hysteresis, new int[0], new double[0][][],
                new double[0][][], new int[0][], new BandCurves(block, new CoverageCurve[0][]));
    }

    /**
     * Adds the observations of a step, in order.
     *
     * @param sampled budgets at which coverage was sampled, ascending; with others than before, averages start anew
     */
    public RunningCoverage observe(List<Integer> sampled, List<Observation> observations) {
        int numLayers = observations.stream().mapToInt(o -> o.coverage().size()).max().orElse(0);
        if (sampled.isEmpty() || numLayers == 0) {
            return this;
        }
        int[] at = sampled.stream().mapToInt(Integer::intValue).toArray();
        boolean same = Arrays.equals(at, budgets);
        Update update = new Update(at, same ? means : new double[0][][], same ? counts : new int[0][], numLayers);
        for (Observation observation : observations) {
            update.add(observation);
        }
        return update.publish();
    }

    @Override
    public double coverage(int layer, int length, int budget) {
        return curves.coverage(layer, length, budget);
    }

    @Override
    public void coverage(int layer, int length, int[] at, double[] into, int from) {
        curves.coverage(layer, length, at, into, from);
    }

    /** The averages as plain data, those that were observed. */
    public CoverageTable table() {
        List<CoverageTable.Curve> all = new ArrayList<>();
        for (int layer = 0; layer < means.length; layer++) {
            for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                List<Integer> seenAt = new ArrayList<>();
                List<Double> seen = new ArrayList<>();
                for (int i = 0; i < budgets.length; i++) {
                    if (counts[band][i] > 0) {
                        seenAt.add(budgets[i]);
                        seen.add(means[layer][band][i]);
                    }
                }
                if (!seen.isEmpty()) {
                    all.add(new CoverageTable.Curve(layer, band, seenAt, seen));
                }
            }
        }
        return new CoverageTable(block, all);
    }

    /** Averages while observations are added to them. */
    private final class Update {
        private final int[] at;
        private final double[][][] next;
        private final int[][] seen = new int[BandCurves.NUM_BANDS][];
        private final double[] weights = new double[BandCurves.NUM_BANDS];
        private final boolean[] touched = new boolean[BandCurves.NUM_BANDS];

        Update(int[] at, double[][][] means, int[][] counts, int numLayers) {
            this.at = at;
            this.next = new double[Math.max(numLayers, means.length)][BandCurves.NUM_BANDS][];
            for (int layer = 0; layer < next.length; layer++) {
                for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                    next[layer][band] = layer < means.length ? means[layer][band].clone() : unmeasured(band);
                }
            }
            for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                seen[band] = counts.length == 0 ? new int[at.length] : counts[band].clone();
            }
        }

        private double[] unmeasured(int band) {
            double[] curve = new double[at.length];
            int numBlocks = Math.ceilDiv((int) Math.min(Integer.MAX_VALUE, 3L << band >> 1), block);
            for (int i = 0; i < curve.length; i++) {
                curve[i] = CoverageCurve.UNMEASURED.at(at[i], numBlocks);
            }
            return curve;
        }

        void add(Observation observation) {
            double tokens = 0;
            for (int length : observation.lengths()) {
                tokens += length;
            }
            for (int i = 0; i < at.length; i++) {
                Arrays.fill(weights, 0);
                double covered = tokens > 0 ? 1 : 0;
                for (int length : observation.lengths()) {
                    if (Math.ceilDiv(length, block) > at[i]) {
                        weights[BudgetMemory.band(length)] += length / tokens;
                        covered -= length / tokens;
                    }
                }
                share(observation, i, covered);
            }
        }

        /** Shares out what one budget's averages do not explain. */
        private void share(Observation observation, int i, double covered) {
            double squares = 0;
            for (int band = 0; band < weights.length; band++) {
                if (weights[band] > 0) {
                    touched[band] = true;
                    seen[band][i] = Math.min(MEMORY, seen[band][i] + 1);
                    squares += weights[band] * weights[band];
                }
            }
            for (int layer = 0; squares > 0 && layer < observation.coverage().size(); layer++) {
                if (observation.coverage().get(layer).size() != at.length) {
                    continue;
                }
                double left = observation.coverage().get(layer).get(i) - covered;
                for (int band = 0; band < weights.length; band++) {
                    left -= weights[band] * next[layer][band][i];
                }
                for (int band = 0; band < weights.length; band++) {
                    if (weights[band] > 0) {
                        double moved = next[layer][band][i] + left * weights[band] / squares / seen[band][i];
                        next[layer][band][i] = Math.max(0, Math.min(1, moved));
                    }
                }
            }
        }

        RunningCoverage publish() {
            CoverageCurve[][] byBand = curves.copy(next.length);
            double[][][] now = new double[next.length][BandCurves.NUM_BANDS][];
            for (int layer = 0; layer < next.length; layer++) {
                for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                    double[] before = layer < published.length ? published[layer][band] : null;
                    now[layer][band] = before;
                    if (touched[band] && (before == null || moved(before, next[layer][band]))) {
                        now[layer][band] = next[layer][band];
                        byBand[layer][band] = curve(next[layer][band], seen[band]);
                    }
                }
            }
            return new RunningCoverage(block, tolerance, at, next, now, seen, new BandCurves(block, byBand));
        }

        private boolean moved(double[] before, double[] after) {
            if (before.length != after.length) {
                return true;
            }
            for (int i = 0; i < after.length; i++) {
                if (Math.abs(after[i] - before[i]) > tolerance) {
                    return true;
                }
            }
            return false;
        }

        /** Through the budgets that were observed: a budget that covers the whole band says nothing of longer ones. */
        private CoverageCurve curve(double[] mean, int[] observed) {
            int size = 0;
            int[] seenAt = new int[at.length];
            double[] values = new double[at.length];
            for (int i = 0; i < at.length; i++) {
                if (observed[i] > 0) {
                    seenAt[size] = at[i];
                    values[size++] = mean[i];
                }
            }
            return CoverageCurve.of(Arrays.copyOf(seenAt, size), Arrays.copyOf(values, size));
        }
    }
}
