package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.Packing;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The gradient of the whole model against central differences of {@link ScalarDecoder}. */
class DecoderGradientTest {
    private static final double STEP = 1e-5;
    private static final int ELEMENTS_PER_WEIGHT = 2;
    private static final int[] LENGTHS = {150, 7, 64, 1, 33};
    private static final int[] PRUNED = {2, 3};
    private static final int[] COVERING = {5, 5};

    @ParameterizedTest
    @CsvSource({"false,false,false", "false,true,false", "true,false,false", "true,true,false", "true,true,true"})
    void gradientEqualsCentralDifferencesWhenBudgetsPrune(boolean qkNorm, boolean tied, boolean recompute) {
        check(Replica.tinyModel(qkNorm, tied, recompute), PRUNED);
    }

    @Test
    void gradientEqualsCentralDifferencesWhenBudgetsCover() {
        check(Replica.tinyModel(true, false, false), COVERING);
    }

    @Test
    void gradientEqualsCentralDifferencesWithSinkAndLocalBlocksAndOneKvHeadPerHead() {
        AttentionShape attention = new AttentionShape(2, 2, 16, 32, 64, 1, 1);
        check(new ModelConfig(19, 2, 32, 24, attention, 500, 1e-6f, false, true, false), new int[]{3, 4});
    }

    private static void check(ModelConfig model, int[] budgets) {
        int[][] documents = Replica.documents(5, model.vocabulary(), LENGTHS);
        try (Replica replica = new Replica(model).withLargeWeights(3)) {
            TokenBatch batch = replica.batch(documents);
            double lossScale = 1.0 / batch.numTargets();
            replica.trainer().zeroGradients();
            MicroBatchResult result = replica.trainer().forwardBackward(batch, budgets, new int[0], lossScale);
            Differences differences = new Differences(model, documents, replica.parameters(), budgets, lossScale);
            assertThat(result.lossSum() * lossScale).isCloseTo(differences.loss(),
                    within(1e-5 * differences.loss()));
            SplittableRandom random = new SplittableRandom(11);
            for (ParameterLayout.Entry entry : replica.trainer().layout().entries()) {
                differences.checkWeight(entry, replica.gradients(), random);
            }
        }
    }

    /** Loss and its differences; the selection is that of the unchanged parameters, since selection has no gradient. */
    private static final class Differences {
        private final ScalarDecoder decoder;
        private final Packing packing;
        private final int[] tokens;
        private final int[] targets;
        private final double[] parameters;
        private final ScalarSelection selection;
        private final double lossScale;

        Differences(ModelConfig model, int[][] documents, float[] parameters, int[] budgets, double lossScale) {
            this.decoder = new ScalarDecoder(model);
            this.packing = Packing.ofLengths(Arrays.stream(documents).map(document -> document.length).toList());
            this.tokens = Arrays.stream(documents).flatMapToInt(Arrays::stream).toArray();
            this.targets = new int[tokens.length];
            for (int document = 0; document < documents.length; document++) {
                int start = packing.start(document);
                int end = start + packing.length(document);
                for (int i = start; i < end; i++) {
                    targets[i] = i + 1 < end ? tokens[i + 1] : -1;
                }
            }
            this.parameters = new double[parameters.length];
            for (int i = 0; i < parameters.length; i++) {
                this.parameters[i] = parameters[i];
            }
            this.selection = decoder.select(this.parameters, packing, tokens, budgets);
            this.lossScale = lossScale;
        }

        double loss() {
            return lossScale * decoder.loss(parameters, packing, tokens, targets, selection);
        }

        /** One random direction through all elements, and the elements with the largest gradient among some. */
        void checkWeight(ParameterLayout.Entry entry, float[] gradients, SplittableRandom random) {
            int offset = (int) entry.offset();
            int size = (int) entry.size();
            double norm = 0;
            for (int i = offset; i < offset + size; i++) {
                norm += (double) gradients[i] * gradients[i];
            }
            norm = Math.sqrt(norm);
            assertThat(norm).as(entry.name()).isPositive();
            double[] direction = new double[parameters.length];
            double expected = 0;
            for (int i = offset; i < offset + size; i++) {
                direction[i] = random.nextBoolean() ? 1 : -1;
                expected += direction[i] * gradients[i];
            }
            // A sum of elements with random signs is about as large as the norm.
            assertThat(expected).as("%s along a random direction", entry.name())
                    .isCloseTo(derivative(direction), within(2e-4 * norm));
            for (int n = 0; n < ELEMENTS_PER_WEIGHT; n++) {
                int element = offset + random.nextInt(size);
                double[] single = new double[parameters.length];
                single[element] = 1;
                assertThat((double) gradients[element]).as("%s[%d]", entry.name(), element - offset)
                        .isCloseTo(derivative(single), within(5e-5 * norm));
            }
        }

        private double derivative(double[] direction) {
            return (lossAt(direction, STEP) - lossAt(direction, -STEP)) / (2 * STEP);
        }

        private double lossAt(double[] direction, double step) {
            double[] moved = parameters.clone();
            for (int i = 0; i < moved.length; i++) {
                moved[i] += step * direction[i];
            }
            return lossScale * decoder.loss(moved, packing, tokens, targets, selection);
        }
    }
}
