package io.sparsebalance.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Exponential of a vector: {@code e^x = 2^n e^r} with {@code n = round(x / ln 2)} and a Taylor polynomial of degree 7 for
 * {@code |r| <= ln(2) / 2} (Cody and Waite's two-part reduction). Relative error below 3e-7 for -87 to 88; arguments outside
 * are clamped to that range, so that the result is never zero, infinite or subnormal. NaN stays NaN.
 */
final class FastExp {
    /** log2(e): {@code e^x = 2^(x * LOG2_E)}. */
    static final float LOG2_E = (float) (1 / Math.log(2));
    /** ln(2). */
    static final double LN_2 = Math.log(2);
    private static final float LN2_HIGH = (float) 0.693359375;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float LOWEST = -87.0f;
    private static final float HIGHEST = 88.0f;
    /** Adding 1.5 * 2^23 leaves the rounded integer in the lowest bits of the sum. */
    private static final float ROUNDING = 12582912.0f;
    private static final int MANTISSA_BITS = 23;

    /** 2^x below this exponent is not a normal number any more. */
    private static final float LOWEST_EXPONENT = -126.0f;
    /** 2^r for |r| at most 1/2: coefficients by Remez exchange on the relative error, which is then 1.9e-9. */
    private static final float C0 = (float) 1.0000000005541663;
    private static final float C1 = (float) 0.6931472057372676;
    private static final float C2 = (float) 0.24022646890634652;
    private static final float C3 = (float) 0.055503287769653374;
    private static final float C4 = (float) 0.009618488957075231;
    private static final float C5 = (float) 0.0013399931219193481;
    private static final float C6 = (float) 0.00015345812011544304;

    private FastExp() {
    }

    /** e^x in every lane. */
    static FloatVector exp(FloatVector x) {
        VectorSpecies<Float> species = x.species();
        FloatVector clamped = x.max(LOWEST).min(HIGHEST);
        FloatVector shifted = clamped.fma(FloatVector.broadcast(species, LOG2_E),
                FloatVector.broadcast(species, ROUNDING));
        FloatVector n = shifted.sub(ROUNDING);
        FloatVector r = n.fma(FloatVector.broadcast(species, -LN2_HIGH), clamped);
        r = n.fma(FloatVector.broadcast(species, -LN2_LOW), r);
        FloatVector p = FloatVector.broadcast(species, 1.0f / 5040);
        p = p.fma(r, FloatVector.broadcast(species, 1.0f / 720));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f / 120));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f / 24));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f / 6));
        p = p.fma(r, FloatVector.broadcast(species, 0.5f));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
    }

    /** e^x with the same steps as the vector form, for the ends of rows. */
    static float exp(float x) {
        if (Float.isNaN(x)) {
            return x;
        }
        float clamped = Math.min(Math.max(x, LOWEST), HIGHEST);
        float shifted = Math.fma(clamped, LOG2_E, ROUNDING);
        float n = shifted - ROUNDING;
        float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, clamped));
        float p = 1.0f / 5040;
        p = Math.fma(p, r, 1.0f / 720);
        p = Math.fma(p, r, 1.0f / 120);
        p = Math.fma(p, r, 1.0f / 24);
        p = Math.fma(p, r, 1.0f / 6);
        p = Math.fma(p, r, 0.5f);
        p = Math.fma(p, r, 1.0f);
        p = Math.fma(p, r, 1.0f);
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(shifted) << MANTISSA_BITS));
    }

    /**
     * 2^x for x below 127, in every lane: a polynomial of degree 6 on the fraction, relative error below 2e-7. Exactly 0 below
     * -126 and for negative infinity, so that masked scores get no weight; NaN stays NaN.
     */
    static FloatVector powerOfTwo(FloatVector x) {
        VectorSpecies<Float> species = x.species();
        FloatVector shifted = x.add(ROUNDING);
        FloatVector r = x.sub(shifted.sub(ROUNDING));
        FloatVector p = FloatVector.broadcast(species, C6);
        p = p.fma(r, FloatVector.broadcast(species, C5));
        p = p.fma(r, FloatVector.broadcast(species, C4));
        p = p.fma(r, FloatVector.broadcast(species, C3));
        p = p.fma(r, FloatVector.broadcast(species, C2));
        p = p.fma(r, FloatVector.broadcast(species, C1));
        p = p.fma(r, FloatVector.broadcast(species, C0));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        FloatVector power = p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        return power.blend(0f, x.compare(VectorOperators.LT, LOWEST_EXPONENT));
    }
}
