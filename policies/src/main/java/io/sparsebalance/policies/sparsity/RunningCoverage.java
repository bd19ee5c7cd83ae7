package io.sparsebalance.policies.sparsity;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

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
    /** An average forgets: after this many observations a new one weighs one part in this many. Fits in a byte. */
    private static final int MEMORY = 200;
    /** More of them are not read: whoever wrote that many wrote something else. */
    private static final int MAX_LAYERS = 4096;
    private static final int MAX_BUDGETS = 256;
    /** Coverage lies within 0 and 1 and guards about a tenth of it, so it is held ten times closer than speeds. */
    private static final double SHARE_OF_HYSTERESIS = 0.1;

    private final int block;
    private final double tolerance;
    private final int[] budgets;
    /** By layer, band and budget: the average, and what of it is published. */
    private final double[][][] means;
    /** Null where nothing is; what is there was published with the budgets of its band that are observed now. */
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

    /**
     * Writes all that {@link #read} needs to go on exactly where this is: bands that were seen, with every bit of their averages.
     *
     * @throws IOException as the output has it
     */
    public void write(DataOutput out) throws IOException {
        out.writeShort(budgets.length);
        for (int budget : budgets) {
            out.writeInt(budget);
        }
        out.writeShort(means.length);
        int[] seen = IntStream.range(0, counts.length).filter(band -> isSeen(counts[band])).toArray();
        out.writeByte(seen.length);
        for (int band : seen) {
            out.writeByte(band);
            for (int count : counts[band]) {
                out.writeByte(count);
            }
            for (int layer = 0; layer < means.length; layer++) {
                writeAll(out, means[layer][band]);
                out.writeBoolean(published[layer][band] != null);
                writeAll(out, published[layer][band] == null ? new double[0] : published[layer][band]);
            }
        }
    }

    private static void writeAll(DataOutput out, double[] values) throws IOException {
        for (double value : values) {
            out.writeDouble(value);
        }
    }

    /**
     * What {@link #write} wrote.
     *
     * @param hysteresis as in {@link #empty(int, double)}
     * @throws IOException if it ends too early or is nothing of the kind
     */
    public static RunningCoverage read(DataInput in, int block, double hysteresis) throws IOException {
        int[] at = new int[checked(in.readUnsignedShort(), MAX_BUDGETS, "budgets")];
        for (int i = 0; i < at.length; i++) {
            at[i] = in.readInt();
        }
        int numLayers = checked(in.readUnsignedShort(), MAX_LAYERS, "layers");
        int numSeen = checked(in.readUnsignedByte(), at.length == 0 ? 0 : BandCurves.NUM_BANDS, "length bands");
        if (at.length == 0) {
            return empty(block, hysteresis);
        }
        int[][] counts = new int[BandCurves.NUM_BANDS][at.length];
        double[][][] means = new double[numLayers][BandCurves.NUM_BANDS][];
        double[][][] published = new double[numLayers][BandCurves.NUM_BANDS][];
        CoverageCurve[][] curves = new CoverageCurve[numLayers][BandCurves.NUM_BANDS];
        for (int n = 0; n < numSeen; n++) {
            int band = checked(in.readUnsignedByte(), BandCurves.NUM_BANDS - 1, "as number of a band");
            for (int i = 0; i < at.length; i++) {
                counts[band][i] = in.readUnsignedByte();
            }
            for (int layer = 0; layer < numLayers; layer++) {
                means[layer][band] = readAll(in, at.length);
                if (in.readBoolean()) {
                    published[layer][band] = readAll(in, at.length);
                    curves[layer][band] = curve(at, published[layer][band], counts[band]);
                }
            }
        }
        for (double[][] ofLayer : means) {
            for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                ofLayer[band] = ofLayer[band] == null ? unmeasured(at, band, block) : ofLayer[band];
            }
        }
        return new RunningCoverage(block, SHARE_OF_HYSTERESIS * hysteresis, at, means, published, counts,
                new BandCurves(block, curves));
    }

    private static int checked(int value, int limit, String what) throws IOException {
        if (value > limit) {
            throw new IOException("coverage with " + value + " " + what + ", of which there are " + limit + " at most");
        }
        return value;
    }

    private static double[] readAll(DataInput in, int size) throws IOException {
        double[] values = new double[size];
        for (int i = 0; i < size; i++) {
            values[i] = in.readDouble();
        }
        return values;
    }

    private static boolean isSeen(int[] counts) {
        return Arrays.stream(counts).anyMatch(count -> count > 0);
    }

    /** What averages of a band begin with. */
    private static double[] unmeasured(int[] at, int band, int block) {
        double[] curve = new double[at.length];
        int numBlocks = Math.ceilDiv((int) Math.min(Integer.MAX_VALUE, 3L << band >> 1), block);
        CoverageCurve.UNMEASURED.at(at, numBlocks, curve, 0);
        return curve;
    }

    /** Through the budgets that were observed: a budget that covers the whole band says nothing of longer ones. */
    private static CoverageCurve curve(int[] at, double[] mean, int[] observed) {
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

    /** Averages while observations are added to them. */
    private final class Update {
        private final int[] at;
        private final double[][][] next;
        private final int[][] seen = new int[BandCurves.NUM_BANDS][];
        private final double[] weights = new double[BandCurves.NUM_BANDS];
        private final boolean[] touched = new boolean[BandCurves.NUM_BANDS];
        /** A budget was observed for the first time: its band is read through another set of budgets now. */
        private final boolean[] grown = new boolean[BandCurves.NUM_BANDS];

        Update(int[] at, double[][][] means, int[][] counts, int numLayers) {
            this.at = at;
            this.next = new double[Math.max(numLayers, means.length)][BandCurves.NUM_BANDS][];
            for (int layer = 0; layer < next.length; layer++) {
                for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                    next[layer][band] = layer < means.length
                            ? means[layer][band].clone()
                            : unmeasured(at, band, block);
                }
            }
            for (int band = 0; band < BandCurves.NUM_BANDS; band++) {
                seen[band] = counts.length == 0 ? new int[at.length] : counts[band].clone();
            }
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
                    grown[band] |= seen[band][i] == 0;
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
                    if (touched[band] && (before == null || grown[band] || moved(before, next[layer][band]))) {
                        now[layer][band] = next[layer][band];
                        byBand[layer][band] = curve(at, next[layer][band], seen[band]);
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
    }
}
