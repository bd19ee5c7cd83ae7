package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class ParameterLayoutTest {
    @Test
    void weightsFollowEachOtherWithoutGapsMatricesFirst() {
        for (boolean tied : new boolean[]{false, true}) {
            ParameterLayout layout = ParameterLayout.of(Replica.tinyModel(true, tied, false));
            long offset = 0;
            boolean normSeen = false;
            for (ParameterLayout.Entry entry : layout.entries()) {
                assertThat(entry.offset()).as(entry.name()).isEqualTo(offset);
                normSeen |= !entry.matrix();
                assertThat(entry.matrix()).as(entry.name()).isEqualTo(!normSeen);
                assertThat(entry.matrix()).as(entry.name()).isEqualTo(entry.shape().size() == 2);
                offset += entry.size();
            }
            assertThat(layout.numParameters()).isEqualTo(offset);
        }
    }

    @Test
    void theCountIsThatOfTheFormula() {
        long embedding = 23 * 24;
        long matrices = 24 * (32 + 16 + 16) + 32 * 24 + 24 * 80 + 40 * 24;
        ParameterLayout plain = ParameterLayout.of(Replica.tinyModel(false, true, false));
        assertThat(plain.numMatrixElements()).isEqualTo(embedding + 2 * matrices);
        assertThat(plain.numParameters()).isEqualTo(embedding + 2 * matrices + 2 * 48 + 24);
        ParameterLayout full = ParameterLayout.of(Replica.tinyModel(true, false, false));
        assertThat(full.numMatrixElements()).isEqualTo(2 * embedding + 2 * matrices);
        assertThat(full.numParameters() - full.numMatrixElements()).isEqualTo(2 * (48 + 16) + 24);
    }

    @Test
    void initialWeightsHaveTheDocumentedSpread() {
        ModelConfig model = Replica.tinyModel(true, false, false);
        try (Replica replica = new Replica(model)) {
            float[] parameters = replica.parameters();
            for (ParameterLayout.Entry entry : replica.trainer().layout().entries()) {
                double squares = 0;
                for (long i = entry.offset(); i < entry.offset() + entry.size(); i++) {
                    squares += Math.pow(parameters[(int) i], 2);
                }
                boolean residual = List.of("output", "down").stream()
                        .anyMatch(end -> entry.name().startsWith("layers.") && entry.name().endsWith(end));
                double expected = entry.matrix() ? (residual ? 0.01 : 0.02) : 1;
                double tolerance = entry.matrix() ? 4 * expected / Math.sqrt(2.0 * entry.size()) : 0;
                assertThat(Math.sqrt(squares / entry.size())).as(entry.name()).isCloseTo(expected,
                        within(tolerance));
            }
        }
    }

    @Test
    void deviatesAreNormalAndDependOnSeedAndName() {
        NormalGenerator generator = new NormalGenerator(1, "a");
        int count = 200_000;
        double sum = 0;
        double squares = 0;
        double fourth = 0;
        for (int i = 0; i < count; i++) {
            double value = generator.next();
            sum += value;
            squares += value * value;
            fourth += Math.pow(value, 4);
        }
        assertThat(sum / count).isCloseTo(0, within(0.01));
        assertThat(squares / count).isCloseTo(1, within(0.02));
        assertThat(fourth / count).isCloseTo(3, within(0.15));
        double first = new NormalGenerator(1, "a").next();
        assertThat(new NormalGenerator(1, "a").next()).isEqualTo(first);
        assertThat(new NormalGenerator(2, "a").next()).isNotEqualTo(first);
        assertThat(new NormalGenerator(1, "b").next()).isNotEqualTo(first);
    }
}
