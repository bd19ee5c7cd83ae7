package io.sparsebalance.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class FastExpTest {
    @Test
    void powersOfTwoAreAccurate() {
        double worst = 0;
        for (float x = -125.9f; x < 20; x += 0.0137f) {
            worst = Math.max(worst, Math.abs(power(x) / Math.pow(2, x) - 1));
        }
        assertThat(worst).isLessThan(2e-7);
    }

    @Test
    void wholePowersAreExact() {
        for (int n = -126; n <= 126; n++) {
            assertThat(power(n)).isEqualTo(Math.scalb(1f, n));
        }
    }

    @Test
    void whatIsTooSmallIsZero() {
        assertThat(power(-126.1f)).isZero();
        assertThat(power(-1e30f)).isZero();
        assertThat(power(Float.NEGATIVE_INFINITY)).isZero();
    }

    @Test
    void notANumberStays() {
        assertThat(power(Float.NaN)).isNaN();
    }

    @Test
    void exponentialsAreAccurateInVectorsAndOneByOne() {
        for (float x = -86.9f; x < 80; x += 0.0731f) {
            float[] lanes = new float[Rows.LANES];
            FastExp.exp(FloatVector.broadcast(Rows.SPECIES, x)).intoArray(lanes, 0);
            assertThat(lanes[0] / Math.exp(x)).isCloseTo(1, within(4e-7));
            assertThat(FastExp.exp(x)).isEqualTo(lanes[0]);
        }
    }

    private static float power(float x) {
        float[] lanes = new float[Rows.LANES];
        FastExp.powerOfTwo(FloatVector.broadcast(Rows.SPECIES, x)).intoArray(lanes, 0);
        float first = lanes[0];
        float[] all = new float[lanes.length];
        Arrays.fill(all, first);
        assertThat(lanes).isEqualTo(all);
        return first;
    }
}
