package io.sparsebalance.policies.cost;

import io.sparsebalance.policies.Budgets;
import java.util.Arrays;
import java.util.List;

/**
 * A {@link LatencyModel} from measured points.
 *
 * <p>Attention of a document is fitted as {@code a + b length + c pairs + d tiles * blocks} (rows moved, pairs computed, router
 * scores) with coefficients that are not negative, and {@link MonotoneSurface} bends the fit to the points. Every part is
 * monotone, so more tokens or a larger budget never take less time, however noisy the points were.
 *
 * @param numLayers layers of the model
 * @param pairs block, tile and forced blocks of the attention
 * @param fingerprint what was measured: device, threads, model shape
 * @param attention measured points, at least one
 * @param linear measured points, at least one
 * @param fixedSeconds cost of a micro-batch whatever it holds
 */
public record LatencyTable(int numLayers, SelectedPairs pairs, String fingerprint, List<AttentionPoint> attention,
        List<LinearPoint> linear, double fixedSeconds) {
    /**
     * One document in one layer, forward and backward, router included.
     *
     * @param length tokens
     * @param budget key blocks
     */
    public record AttentionPoint(int length, int budget, double seconds) {}

    /** Everything else of a micro-batch of this many tokens, all layers. */
    public record LinearPoint(long tokens, double seconds) {}

    /**
     * A micro-batch that was measured.
     *
     * @param seconds measured
     */
    public record Measured(List<Integer> lengths, Budgets budgets, double seconds) {
        /** Copies. */
        public Measured {
            lengths = List.copyOf(lengths);
        }
    }

    /** Relative errors |predicted - measured| / measured. */
    public record Errors(double median, double p95) {}

    /** Checks the points. */
    public LatencyTable {
        attention = List.copyOf(attention);
        linear = List.copyOf(linear);
        require(numLayers >= 1, "numLayers " + numLayers + " must be at least 1");
        require(!attention.isEmpty() && !linear.isEmpty(), "needs at least one attention point and one linear point");
        require(fixedSeconds >= 0, "fixedSeconds " + fixedSeconds + " must not be negative");
        for (AttentionPoint point : attention) {
            require(point.length() >= 1 && point.budget() >= 1 && point.seconds() > 0, point + " is out of range");
        }
        for (LinearPoint point : linear) {
            require(point.tokens() >= 1 && point.seconds() > 0, point + " is out of range");
        }
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException("latency table: " + message);
        }
    }

    /** The fitted model; costs some milliseconds, so keep it. */
    public LatencyModel model() {
        double[][] features = new double[attention.size()][];
        double[] seconds = new double[attention.size()];
        for (int i = 0; i < seconds.length; i++) {
            features[i] = features(attention.get(i).length(), attention.get(i).budget());
            seconds[i] = attention.get(i).seconds();
        }
        double[] coefficients = NonNegativeFit.solve(features, seconds);
        int longest = attention.stream().mapToInt(AttentionPoint::length).max().orElseThrow();
        MonotoneSurface surface = new MonotoneSurface(
                (length, budget) -> dot(coefficients, features(length, budget)), attention, pairs.numBlocks(longest));
        MonotoneCurve tokens = new MonotoneCurve(linear.stream().mapToDouble(LinearPoint::tokens).toArray(),
                linear.stream().mapToDouble(LinearPoint::seconds).toArray());
        return new Fitted(this, surface, tokens);
    }

    /** Errors of the model on measured micro-batches, at least one. */
    public Errors errors(List<Measured> measured) {
        LatencyModel model = model();
        double[] errors = measured.stream()
                .mapToDouble(
                        m -> Math.abs(model.microBatchSeconds(m.lengths(), m.budgets()) - m.seconds()) / m.seconds())
                .sorted()
                .toArray();
        require(errors.length > 0, "errors need at least one measured micro-batch");
        return new Errors(errors[errors.length / 2], errors[(int) Math.ceil(0.95 * errors.length) - 1]);
    }

    private double[] features(int length, int budget) {
        double tiles = Math.ceilDiv(length, pairs.queryTile());
        return new double[]{1, length, pairs.count(length, budget), tiles * pairs.numBlocks(length)};
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** The table with its fit. */
    private static final class Fitted implements LatencyModel {
        private final LatencyTable table;
        private final MonotoneSurface surface;
        private final MonotoneCurve tokenCurve;

        Fitted(LatencyTable table, MonotoneSurface surface, MonotoneCurve tokenCurve) {
            this.table = table;
            this.surface = surface;
            this.tokenCurve = tokenCurve;
        }

        @Override
        public int numLayers() {
            return table.numLayers();
        }

        @Override
        public double attentionSeconds(int length, int budget) {
            // A budget beyond the document's blocks is dense attention, whatever its number.
            return surface.at(length, Math.min(budget, numBlocks(length)));
        }

        @Override
        public void attentionSeconds(int length, int[] budgets, double[] into, int at) {
            surface.at(length, budgets, numBlocks(length), into, at);
        }

        @Override
        public double linearSeconds(long tokens) {
            return tokenCurve.at((double) tokens);
        }

        @Override
        public double fixedSeconds() {
            return table.fixedSeconds();
        }

        @Override
        public double density(int length, int budget) {
            return (double) table.pairs().count(length, budget) / SelectedPairs.causal(length);
        }

        @Override
        public int numBlocks(int length) {
            return table.pairs().numBlocks(length);
        }
    }
}
