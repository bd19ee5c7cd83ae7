package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.LENGTH;
import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Softmax on panels of scores {@code [keys][PANEL]}: query rows lie along the vector, so maxima and sums over keys need no
 * operation across lanes. Scores are in units of log 2 (q was scaled by log2(e) / sqrt(D)).
 */
final class SoftmaxPanels {
    private SoftmaxPanels() {
    }

    /**
     * Sets the scores of keys after the query to negative infinity.
     *
     * @param firstKey position of the first key
     * @param positions positions of the rows, from {@code rowAt}, on the same count as {@code firstKey}
     */
    static void mask(float[] scores, int scoresAt, int keys, int firstKey, float[] positions, int rowAt) {
        FloatVector left = FloatVector.fromArray(SPECIES, positions, rowAt);
        FloatVector right = FloatVector.fromArray(SPECIES, positions, rowAt + LENGTH);
        for (int key = 0; key < keys; key++) {
            int at = scoresAt + key * PANEL;
            float position = firstKey + key;
            FloatVector s0 = FloatVector.fromArray(SPECIES, scores, at);
            FloatVector s1 = FloatVector.fromArray(SPECIES, scores, at + LENGTH);
            s0.blend(Float.NEGATIVE_INFINITY, left.compare(VectorOperators.LT, position)).intoArray(scores, at);
            s1.blend(Float.NEGATIVE_INFINITY, right.compare(VectorOperators.LT, position))
                    .intoArray(scores, at + LENGTH);
        }
    }

    /**
     * One step of the online softmax (Milakov and Gimelshein 2018): raises the running maxima to those of the new scores,
     * scales what was summed before, replaces scores by {@code 2^(score - maximum)} and adds them to the running sums.
     *
     * @param maxima running maxima of the rows, from {@code rowAt}; negative infinity at first
     * @param sums running sums
     * @param out panel {@code [size][PANEL]} of outputs so far, not yet divided by the sums
     */
    static void accumulate(float[] scores, int keys, float[] maxima, float[] sums, int rowAt, float[] out, int outAt,
            int size) {
        FloatVector old0 = FloatVector.fromArray(SPECIES, maxima, rowAt);
        FloatVector old1 = FloatVector.fromArray(SPECIES, maxima, rowAt + LENGTH);
        FloatVector max0 = old0;
        FloatVector max1 = old1;
        for (int key = 0; key < keys; key++) {
            FloatVector s0 = FloatVector.fromArray(SPECIES, scores, key * PANEL);
            FloatVector s1 = FloatVector.fromArray(SPECIES, scores, key * PANEL + LENGTH);
            max0 = max0.blend(s0, s0.compare(VectorOperators.GT, max0));
            max1 = max1.blend(s1, s1.compare(VectorOperators.GT, max1));
        }
        VectorMask<Float> raised = max0.compare(VectorOperators.GT, old0).or(max1.compare(VectorOperators.GT, old1));
        if (raised.anyTrue()) {
            max0.intoArray(maxima, rowAt);
            max1.intoArray(maxima, rowAt + LENGTH);
            rescale(FastExp.powerOfTwo(old0.sub(max0)), FastExp.powerOfTwo(old1.sub(max1)), sums, rowAt, out, outAt,
                    size);
        }
        exponentials(scores, keys, maxima, sums, rowAt);
    }

    private static void rescale(FloatVector factor0, FloatVector factor1, float[] sums, int rowAt, float[] out,
            int outAt,
            int size) {
        FloatVector.fromArray(SPECIES, sums, rowAt).mul(factor0).intoArray(sums, rowAt);
        FloatVector.fromArray(SPECIES, sums, rowAt + LENGTH).mul(factor1).intoArray(sums, rowAt + LENGTH);
        for (int d = 0; d < size; d++) {
            int at = outAt + d * PANEL;
            FloatVector.fromArray(SPECIES, out, at).mul(factor0).intoArray(out, at);
            FloatVector.fromArray(SPECIES, out, at + LENGTH).mul(factor1).intoArray(out, at + LENGTH);
        }
    }

    private static void exponentials(float[] scores, int keys, float[] maxima, float[] sums, int rowAt) {
        FloatVector max0 = FloatVector.fromArray(SPECIES, maxima, rowAt);
        FloatVector max1 = FloatVector.fromArray(SPECIES, maxima, rowAt + LENGTH);
        FloatVector sum0 = FloatVector.fromArray(SPECIES, sums, rowAt);
        FloatVector sum1 = FloatVector.fromArray(SPECIES, sums, rowAt + LENGTH);
        for (int key = 0; key < keys; key++) {
            int at = key * PANEL;
            FloatVector p0 = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, scores, at).sub(max0));
            FloatVector p1 = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, scores, at + LENGTH).sub(max1));
            p0.intoArray(scores, at);
            p1.intoArray(scores, at + LENGTH);
            sum0 = sum0.add(p0);
            sum1 = sum1.add(p1);
        }
        sum0.intoArray(sums, rowAt);
        sum1.intoArray(sums, rowAt + LENGTH);
    }

    /**
     * Backward of softmax: scores become probabilities {@code p = 2^(score - logSumExp)}, and gradients of probabilities
     * become gradients of scores, {@code p * (gradient - delta)}.
     *
     * @param logSumExp of the rows, from {@code rowAt}, in units of log 2
     * @param delta sums over D of dOut * out
     */
    static void backward(float[] scores, float[] gradients, int at, int keys, float[] logSumExp, float[] delta,
            int rowAt) {
        FloatVector lse0 = FloatVector.fromArray(SPECIES, logSumExp, rowAt);
        FloatVector lse1 = FloatVector.fromArray(SPECIES, logSumExp, rowAt + LENGTH);
        FloatVector delta0 = FloatVector.fromArray(SPECIES, delta, rowAt);
        FloatVector delta1 = FloatVector.fromArray(SPECIES, delta, rowAt + LENGTH);
        for (int key = 0; key < keys; key++) {
            int left = at + key * PANEL;
            int right = left + LENGTH;
            FloatVector p0 = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, scores, left).sub(lse0));
            FloatVector p1 = FastExp.powerOfTwo(FloatVector.fromArray(SPECIES, scores, right).sub(lse1));
            p0.intoArray(scores, left);
            p1.intoArray(scores, right);
            FloatVector.fromArray(SPECIES, gradients, left).sub(delta0).mul(p0).intoArray(gradients, left);
            FloatVector.fromArray(SPECIES, gradients, right).sub(delta1).mul(p1).intoArray(gradients, right);
        }
    }
}
