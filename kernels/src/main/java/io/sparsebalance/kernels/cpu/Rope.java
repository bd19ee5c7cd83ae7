package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Rows.LANES;
import static io.sparsebalance.kernels.cpu.Rows.SPECIES;
import static io.sparsebalance.kernels.cpu.Rows.get;
import static io.sparsebalance.kernels.cpu.Rows.getInt;
import static io.sparsebalance.kernels.cpu.Rows.load;
import static io.sparsebalance.kernels.cpu.Rows.set;
import static io.sparsebalance.kernels.cpu.Rows.store;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/** Rotary position embedding (Su et al. 2021), first half of a head paired with its second half. */
final class Rope {
    private static final int TOKENS = 128;

    private final Workers workers;
    /** cos and sin of position and frequency, kept between calls: [position][D/2]. */
    private float[] cosines = new float[0];
    private float[] sines = new float[0];
    private int cachedPositions;
    private int cachedHalf;
    private double cachedTheta = Double.NaN;

    Rope(Workers workers) {
        this.workers = workers;
    }

    void turn(MemorySegment x, MemorySegment positions, long numTokens, int heads, int headSize, double theta,
            boolean backward) {
        int half = headSize / 2;
        int highest = -1;
        for (long t = 0; t < numTokens; t++) {
            int position = getInt(positions, t);
            Checks.that(position >= 0, "rope", "position " + position + " of token " + t + " is negative");
            highest = Math.max(highest, position);
        }
        prepare(highest + 1, half, theta);
        float sign = backward ? -1 : 1;
        workers.forEach(Math.toIntExact(Math.ceilDiv(numTokens, (long) TOKENS)), (task, worker) -> {
            long to = Math.min(numTokens, (task + 1L) * TOKENS);
            for (long t = (long) task * TOKENS; t < to; t++) {
                int angle = getInt(positions, t) * half;
                for (int h = 0; h < heads; h++) {
                    turnHead(x, (t * heads + h) * headSize, half, angle, sign);
                }
            }
        });
    }

    private void turnHead(MemorySegment x, long row, int half, int angle, float sign) {
        int i = 0;
        for (; i + LANES <= half; i += LANES) {
            FloatVector a = load(x, row + i);
            FloatVector b = load(x, row + half + i);
            FloatVector cosine = FloatVector.fromArray(SPECIES, cosines, angle + i);
            FloatVector sine = FloatVector.fromArray(SPECIES, sines, angle + i).mul(sign);
            store(a.mul(cosine).sub(b.mul(sine)), x, row + i);
            store(b.mul(cosine).add(a.mul(sine)), x, row + half + i);
        }
        for (; i < half; i++) {
            float a = get(x, row + i);
            float b = get(x, row + half + i);
            float cosine = cosines[angle + i];
            float sine = sines[angle + i] * sign;
            set(x, row + i, a * cosine - b * sine);
            set(x, row + half + i, b * cosine + a * sine);
        }
    }

    /** Angles in double precision, so that far positions keep their phase. */
    private void prepare(int numPositions, int half, double theta) {
        boolean same = half == cachedHalf && theta == cachedTheta;
        if (same && numPositions <= cachedPositions) {
            return;
        }
        int first = same ? cachedPositions : 0;
        int size = Math.multiplyExact(numPositions, half);
        cosines = same ? Arrays.copyOf(cosines, size) : new float[size];
        sines = same ? Arrays.copyOf(sines, size) : new float[size];
        for (int i = 0; i < half; i++) {
            double frequency = Math.pow(theta, -(double) i / half);
            for (int p = first; p < numPositions; p++) {
                cosines[p * half + i] = (float) Math.cos(p * frequency);
                sines[p * half + i] = (float) Math.sin(p * frequency);
            }
        }
        cachedPositions = numPositions;
        cachedHalf = half;
        cachedTheta = theta;
    }
}
