package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.Lanes.PANEL;
import static io.sparsebalance.kernels.cpu.Lanes.STRIP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PanelProductsTest {
    private static final int OFFSET = 3;

    @ParameterizedTest
    @ValueSource(ints = {8, 16, 40, 128})
    void stripTimesPanelAgreesWithPlainLoops(int depth) {
        float[] a = random(1, OFFSET + depth * STRIP);
        float[] b = random(2, OFFSET + depth * PANEL);
        float[] c = random(3, OFFSET + STRIP * PANEL);
        double[] expected = new double[STRIP * PANEL];
        for (int p = 0; p < depth; p++) {
            for (int i = 0; i < expected.length; i++) {
                expected[i] += (double) a[OFFSET + p * STRIP + i / PANEL] * b[OFFSET + p * PANEL + i % PANEL];
            }
        }
        float[] added = c.clone();
        PanelProducts.productAdd(a, OFFSET, b, OFFSET, depth, added, OFFSET);
        float[] set = c.clone();
        PanelProducts.product(a, OFFSET, b, OFFSET, depth, set, OFFSET);
        assertAgrees(set, expected, new float[c.length]);
        assertAgrees(added, expected, c);
        float[] halves = c.clone();
        for (int half = 0; half < 2; half++) {
            FourRowProducts.productAdd(a, OFFSET + 4 * half, b, OFFSET, depth, halves, OFFSET + 4 * half * PANEL);
        }
        assertThat(halves).isEqualTo(added);
        for (int half = 0; half < 2; half++) {
            FourRowProducts.product(a, OFFSET + 4 * half, b, OFFSET, depth, halves, OFFSET + 4 * half * PANEL);
        }
        assertThat(halves).isEqualTo(set);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5})
    void rowsOfPanelsTimesPanelAgreeWithPlainLoops(int panels) {
        int stride = 2 * STRIP * PANEL;
        float[] a = random(1, OFFSET + panels * stride);
        float[] b = random(2, OFFSET + panels * PANEL * PANEL);
        float[] c = random(3, OFFSET + STRIP * PANEL);
        double[] expected = new double[STRIP * PANEL];
        for (int p = 0; p < panels * PANEL; p++) {
            for (int i = 0; i < expected.length; i++) {
                expected[i] += (double) a[OFFSET + p / PANEL * stride + i / PANEL * PANEL + p % PANEL]
                        * b[OFFSET + p * PANEL + i % PANEL];
            }
        }
        float[] added = c.clone();
        PanelProducts.rowProductAdd(a, OFFSET, stride, b, OFFSET, panels, added, OFFSET);
        assertAgrees(added, expected, c);
        float[] halves = c.clone();
        for (int half = 0; half < 2; half++) {
            FourRowProducts.rowProductAdd(a, OFFSET + 4 * half * PANEL, stride, b, OFFSET, panels, halves,
                    OFFSET + 4 * half * PANEL);
        }
        assertThat(halves).isEqualTo(added);
    }

    private static void assertAgrees(float[] actual, double[] expected, float[] before) {
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[OFFSET + i]).isCloseTo(expected[i] + before[OFFSET + i], within(1e-4));
        }
    }

    private static float[] random(long seed, int size) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
