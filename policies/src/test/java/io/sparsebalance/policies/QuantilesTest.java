package io.sparsebalance.policies;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class QuantilesTest {
    @Test
    void theMiddleOfEvenAndOddNumbersOfValues() {
        assertThat(Quantiles.median(new double[]{3, 1, 2})).isEqualTo(2);
        assertThat(Quantiles.median(List.of(4.0, 1.0, 2.0, 3.0))).isEqualTo(2.5);
        assertThat(Quantiles.quantile(new double[]{0, 10}, 0.25)).isEqualTo(2.5);
        assertThat(Quantiles.median(new double[0])).isNaN();
    }

    @Test
    void theErrorOfAMedianIsThatOfNormalValuesAndHardlyMovedByOutliers() {
        SplittableRandom random = new SplittableRandom(1);
        List<Double> values = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            values.add(100 + 5 * random.nextGaussian());
        }
        double expected = 1.2533 * 0.05 / Math.sqrt(400);
        assertThat(Quantiles.relativeError(values)).isCloseTo(expected, within(0.2 * expected));
        for (int i = 0; i < 40; i++) {
            values.set(i, 1e6);
        }
        assertThat(Quantiles.relativeError(values)).isCloseTo(expected, within(0.4 * expected));
        assertThat(Quantiles.relativeError(List.of(1.0, 1.0))).isInfinite();
    }
}
