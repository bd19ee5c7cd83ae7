package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class OptimizerConfigTest {
    private static OptimizerConfig config(int warmupSteps, int totalSteps) {
        return new OptimizerConfig(1e-3, 0.1, warmupSteps, totalSteps, 0.9f, 0.95f, 1e-8f, 0.1f, 1);
    }

    @Test
    void theLearningRateRisesToThePeakAndFallsToTheMinimum() {
        OptimizerConfig optimizer = config(10, 110);
        assertThat(optimizer.learningRateAt(1)).isCloseTo(1e-4, within(1e-12));
        assertThat(optimizer.learningRateAt(10)).isCloseTo(1e-3, within(1e-12));
        assertThat(optimizer.learningRateAt(60)).isCloseTo(5.5e-4, within(1e-12));
        assertThat(optimizer.learningRateAt(110)).isCloseTo(1e-4, within(1e-12));
        assertThat(optimizer.learningRateAt(10_000)).isCloseTo(1e-4, within(1e-12));
        for (long step = 11; step < 110; step++) {
            assertThat(optimizer.learningRateAt(step + 1)).isLessThan(optimizer.learningRateAt(step));
        }
    }

    @Test
    void warmUpMayBeAbsentOrLongerThanTheRun() {
        assertThat(config(0, 10).learningRateAt(1)).isLessThan(1e-3).isGreaterThan(9e-4);
        assertThat(config(20, 10).learningRateAt(20)).isCloseTo(1e-3, within(1e-12));
        assertThat(config(20, 10).learningRateAt(21)).isCloseTo(1e-4, within(1e-12));
    }

    @Test
    void valuesOutOfRangeAreNamed() {
        assertThatThrownBy(() -> new OptimizerConfig(1e-3, 1.5, 0, 10, 0.9f, 0.95f, 1e-8f, 0.1f, 1))
                .hasMessageContaining("minimumRatio 1.5");
        assertThatThrownBy(() -> new OptimizerConfig(Double.NaN, 0.1, 0, 10, 0.9f, 0.95f, 1e-8f, 0.1f, 1))
                .hasMessageContaining("learningRate NaN");
        assertThatThrownBy(() -> new OptimizerConfig(1e-3, 0.1, 0, 10, 0.9f, 1, 1e-8f, 0.1f, 1))
                .hasMessageContaining("beta2 1.0");
        assertThatThrownBy(() -> config(-1, 10)).hasMessageContaining("warmupSteps");
    }

    @Test
    void modelFlopsAreThoseOfTheFormula() {
        ModelFlops flops = ModelFlops.of(Replica.tinyModel(true, true, false));
        assertThat(flops.linearPerToken())
                .isEqualTo(6.0 * (2 * (24 * (32 + 16 + 16 + 32) + 3 * 24 * 40) + 23 * 24));
        assertThat(flops.attentionPerPair()).isEqualTo(12.0 * 32);
        assertThat(flops.ofMicroBatch(10, 7)).isEqualTo(10 * flops.linearPerToken() + 7 * flops.attentionPerPair());
    }
}
