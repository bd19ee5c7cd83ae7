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
    private static final float LOG2_E = (float) (1 / Math.log(2));
    private static final float LN2_HIGH = (float) 0.693359375;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float LOWEST = -87.0f;
    private static final float HIGHEST = 88.0f;
    /** Adding 1.5 * 2^23 leaves the rounded integer in the lowest bits of the sum. */
    private static final float ROUNDING = 12582912.0f;
    private static final int MANTISSA_BITS = 23;

    private static final float LOWEST_EXPONENT = -126.0f;
    /** Coefficients of 2^r: ln(2)^n / n!. */
    private static final float C1 = (float) 0.6931471805599453;
    private static final float C2 = (float) 0.2402265069591007;
    private static final float C3 = (float) 0.0555041086648216;
    private static final float C4 = (float) 0.0096181291076285;
    private static final float C5 = (float) 0.0013333558146428;
    private static final float C6 = (float) 0.00015403530393381;

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
     * 2^x for x at most about 0, in every lane: a polynomial of degree 6 on the fraction, relative error below 3e-7. Arguments
     * below -126 give 2^-126, so the caller clears masked lanes.
     */
    static FloatVector powerOfTwo(FloatVector x) {
        VectorSpecies<Float> species = x.species();
        FloatVector clamped = x.max(LOWEST_EXPONENT);
        FloatVector shifted = clamped.add(ROUNDING);
        FloatVector r = clamped.sub(shifted.sub(ROUNDING));
        FloatVector p = FloatVector.broadcast(species, C6);
        p = p.fma(r, FloatVector.broadcast(species, C5));
        p = p.fma(r, FloatVector.broadcast(species, C4));
        p = p.fma(r, FloatVector.broadcast(species, C3));
        p = p.fma(r, FloatVector.broadcast(species, C2));
        p = p.fma(r, FloatVector.broadcast(species, C1));
        p = p.fma(r, FloatVector.broadcast(species, 1.0f));
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
        return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
    }

    /** 2^x for one value. */
    static float powerOfTwo(float x) {
        return (float) Math.pow(2, Math.max(x, LOWEST_EXPONENT));
    }
}
