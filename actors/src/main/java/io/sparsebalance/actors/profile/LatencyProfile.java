package io.sparsebalance.actors.profile;

import io.sparsebalance.policies.cost.Fingerprint;
import io.sparsebalance.policies.cost.LatencyTable;
import io.sparsebalance.policies.sparsity.CoverageTable;
import java.util.List;

/**
 * A latency table with where it is from and how good it is: what {@code sparsebalance profile} writes.
 *
 * @param format of the file that it is stored in
 * @param fingerprint what was measured
 * @param measurement how
 * @param table the table
 * @param router the router's share of the attention points, by document length
 * @param errors of the table on micro-batches that it was not made from
 * @param coverage coverage curves that a trained model had; none if none were given
 */
public record LatencyProfile(int format, Fingerprint fingerprint, Measurement measurement, LatencyTable table,
        List<RouterPoint> router, Checked errors, List<CoverageCurve> coverage) {
    /** Copies. */
    public LatencyProfile {
        router = List.copyOf(router);
        coverage = List.copyOf(coverage);
    }

    /**
     * How a profile came about.
     *
     * @param date ISO date of the measurement
     * @param ranks measured at once, each on its own device
     * @param seconds that it took
     * @param repeats least and most repeats of a point
     */
    public record Measurement(String date, int ranks, double seconds, List<Integer> repeats) {
        /** Copies. */
        public Measurement {
            repeats = List.copyOf(repeats);
        }
    }

    /** Picking the blocks of one document in one layer; contained in the attention points. */
    public record RouterPoint(int length, double seconds) {}

    /**
     * Relative errors |predicted - measured| / measured on held-out micro-batches.
     *
     * @param microBatches each of them
     */
    public record Checked(double median, double p95, List<Check> microBatches) {
        /** Copies. */
        public Checked {
            microBatches = List.copyOf(microBatches);
        }
    }

    /** One held-out micro-batch: documents, budget of each layer, and its seconds. */
    public record Check(List<Integer> lengths, List<Integer> budgets, double measured, double predicted) {
        /** Copies. */
        public Check {
            lengths = List.copyOf(lengths);
            budgets = List.copyOf(budgets);
        }
    }

    /**
     * Coverage of one layer in one band of document lengths.
     *
     * @param layer from 0
     * @param minLength least length of the band, a power of two; the band ends below twice that
     * @param budgets ascending
     * @param coverage at each budget
     */
    public record CoverageCurve(int layer, int minLength, List<Integer> budgets, List<Double> coverage) {
        /** Copies. */
        public CoverageCurve {
            budgets = List.copyOf(budgets);
            coverage = List.copyOf(coverage);
        }

        /** All curves of a table. */
        public static List<CoverageCurve> of(CoverageTable table) {
            return table.curves().stream().map(
                    curve -> new CoverageCurve(curve.layer(), 1 << curve.band(), curve.budgets(), curve.coverage()))
                    .toList();
        }
    }
}
