package io.sparsebalance.policies.sparsity;

/** A curve for each layer and length band; what was not measured reads as the documented default. Immutable by convention. */
final class BandCurves implements CoverageCurves {
    /** Bands of all lengths that an int holds. */
    static final int NUM_BANDS = 31;

    private final int block;
    /** By layer and band; missing layers and null are unmeasured. */
    private final CoverageCurve[][] curves;

    /** Takes the curves over. */
    BandCurves(int block, CoverageCurve[][] curves) {
        this.block = block;
        this.curves = curves;
    }

    /** For a change: the arrays are copied, the curves shared. */
    CoverageCurve[][] copy(int numLayers) {
        CoverageCurve[][] copied = new CoverageCurve[Math.max(numLayers, curves.length)][];
        for (int layer = 0; layer < copied.length; layer++) {
            copied[layer] = layer < curves.length ? curves[layer].clone() : new CoverageCurve[NUM_BANDS];
        }
        return copied;
    }

    @Override
    public double coverage(int layer, int length, int budget) {
        return curve(layer, length).at(budget, Math.ceilDiv(length, block));
    }

    @Override
    public void coverage(int layer, int length, int[] budgets, double[] into, int at) {
        curve(layer, length).at(budgets, Math.ceilDiv(length, block), into, at);
    }

    private CoverageCurve curve(int layer, int length) {
        CoverageCurve curve = layer < curves.length ? curves[layer][BudgetMemory.band(length)] : null;
        return curve == null ? CoverageCurve.UNMEASURED : curve;
    }
}
