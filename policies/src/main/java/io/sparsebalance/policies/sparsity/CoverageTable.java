package io.sparsebalance.policies.sparsity;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Measured coverage curves as plain data: ships with a latency profile, starts a simulation or a run. A layer and length band
 * without a curve reads as the default {@code C(k) = 2 sqrt(k / n) - k / n} of a document of n blocks: the best k of a tile's
 * t blocks are taken to hold {@code sqrt(k / t)} of its mass, averaged over the document's tiles.
 *
 * @param block key tokens of a block
 * @param curves at most one for each layer and band
 */
public record CoverageTable(int block, List<Curve> curves) {
    /**
     * Coverage of documents of one length band in one layer.
     *
     * @param layer from 0
     * @param band floor of the base-2 logarithm of the length, 0 to 30
     * @param budgets blocks, ascending
     * @param coverage at each budget, 0 to 1; need not be monotone or concave, reading it repairs it
     */
    public record Curve(int layer, int band, List<Integer> budgets, List<Double> coverage) {
        /** Copies and checks. */
        public Curve {
            budgets = List.copyOf(budgets);
            coverage = List.copyOf(coverage);
            require(layer >= 0, "layer " + layer + " must not be negative");
            require(band >= 0 && band < BandCurves.NUM_BANDS,
                    "band " + band + " must be 0 to " + (BandCurves.NUM_BANDS - 1));
            require(!budgets.isEmpty() && budgets.size() == coverage.size(),
                    budgets.size() + " budgets and " + coverage.size() + " coverages, but both need the same number, at"
                            + " least one");
            for (int i = 0; i < budgets.size(); i++) {
                require(budgets.get(i) >= 1 && (i == 0 || budgets.get(i) > budgets.get(i - 1)),
                        "budgets " + budgets + " must ascend from at least 1");
                require(coverage.get(i) >= 0 && coverage.get(i) <= 1,
                        "coverage " + coverage.get(i) + " must be 0 to 1");
            }
        }
    }

    /** Copies and checks. */
    public CoverageTable {
        curves = List.copyOf(curves);
        require(block >= 1, "block " + block + " must be at least 1");
        Set<List<Integer>> seen = new HashSet<>();
        for (Curve curve : curves) {
            require(seen.add(List.of(curve.layer(), curve.band())),
                    "layer " + curve.layer() + " has two curves for band " + curve.band());
        }
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException("coverage table: " + message);
        }
    }

    /** Nothing measured: the default everywhere. */
    public static CoverageTable unmeasured(int block) {
        return new CoverageTable(block, List.of());
    }

    /** The curves to read; costs some microseconds, so keep it. */
    public CoverageCurves model() {
        int numLayers = curves.stream().mapToInt(Curve::layer).max().orElse(-1) + 1;
        CoverageCurve[][] byBand = new BandCurves(block, new CoverageCurve[0][]).copy(numLayers);
        for (Curve curve : curves) {
            byBand[curve.layer()][curve.band()] = CoverageCurve.of(
                    curve.budgets().stream().mapToInt(Integer::intValue).toArray(),
                    curve.coverage().stream().mapToDouble(Double::doubleValue).toArray());
        }
        return new BandCurves(block, byBand);
    }
}
