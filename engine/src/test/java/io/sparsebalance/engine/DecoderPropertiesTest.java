package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What must hold of forward and backward whatever the numbers are. */
class DecoderPropertiesTest {
    private static final ModelConfig MODEL = Replica.tinyModel(true, true, false);
    private static final int[] PRUNED = {2, 3};
    private static final int[] COVERING = {1000, 1000};
    private static final int[] NO_COVERAGE = {};

    @Test
    void aBudgetThatCoversTheContextEqualsDenseAttention() {
        int[][] documents = Replica.documents(1, MODEL.vocabulary(), 130, 40);
        try (Replica replica = new Replica(MODEL).withLargeWeights(2)) {
            TokenBatch batch = replica.batch(documents);
            // 130 tokens are 5 blocks of 32.
            MicroBatchResult covering = replica.trainer().evaluate(batch, new int[]{5, 5});
            MicroBatchResult unlimited = replica.trainer().evaluate(batch, COVERING);
            MicroBatchResult pruned = replica.trainer().evaluate(batch, PRUNED);
            assertThat(covering.lossSum()).isEqualTo(unlimited.lossSum());
            assertThat(covering.selectedPairs()).isEqualTo(covering.causalPairs());
            assertThat(pruned.selectedPairs()).isLessThan(pruned.causalPairs());
            assertThat(pruned.lossSum()).isNotEqualTo(covering.lossSum());
            assertThat(covering.causalPairs()).isEqualTo(2 * (130 * 131 / 2 + 40 * 41 / 2));
        }
    }

    @Test
    void perturbingOneDocumentLeavesTheOthersBitEqual() {
        int[][] documents = Replica.documents(3, MODEL.vocabulary(), 97, 70);
        int[][] perturbed = Replica.documents(4, MODEL.vocabulary(), 97, 70);
        perturbed[1] = documents[1];
        try (Replica replica = new Replica(MODEL).withLargeWeights(5)) {
            for (int position : new int[]{97, 98, 130, 165}) {
                MicroBatchResult first = lossAt(replica, documents, position);
                float[] gradients = replica.gradients();
                MicroBatchResult second = lossAt(replica, perturbed, position);
                assertThat(second.lossSum()).as("loss at %s", position).isEqualTo(first.lossSum());
                assertThat(replica.gradients()).as("gradient of the loss at %s", position).isEqualTo(gradients);
            }
        }
    }

    private static MicroBatchResult lossAt(Replica replica, int[][] documents, int position) {
        int[] tokens = Arrays.stream(documents).flatMapToInt(Arrays::stream).toArray();
        int[] targets = new int[tokens.length];
        Arrays.fill(targets, -1);
        targets[position] = tokens[position + 1];
        TokenBatch batch = replica.batch(tokens, targets,
                Arrays.stream(documents).map(document -> document.length).toList());
        replica.trainer().zeroGradients();
        return replica.trainer().forwardBackward(batch, PRUNED, NO_COVERAGE, 1);
    }

    @Test
    void recomputationChangesNoBitOfTheGradient() {
        int[][] documents = Replica.documents(6, MODEL.vocabulary(), 120, 33, 5);
        float[] kept = gradients(new Replica(Replica.tinyModel(true, true, false)), documents);
        float[] recomputed = gradients(new Replica(Replica.tinyModel(true, true, true)), documents);
        assertThat(recomputed).isEqualTo(kept);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void layersThatKeepTheirActivationsChangeNoBitOfTheGradient(int keptLayers) {
        int[][] documents = Replica.documents(6, MODEL.vocabulary(), 70, 33, 5);
        int[] budgets = {2, 3, 1, 2};
        float[] all = gradients(new Replica(deep(4, false, 0)), documents, budgets);
        assertThat(gradients(new Replica(deep(4, true, keptLayers)), documents, budgets)).isEqualTo(all);
    }

    private static ModelConfig deep(int layers, boolean recompute, int keptLayers) {
        return new ModelConfig(23, layers, 24, 40, MODEL.attention(), 10_000, 1e-5f, true, true, recompute, keptLayers);
    }

    @Test
    void recomputationHoldsLessMemory() {
        int[][] documents = Replica.documents(6, MODEL.vocabulary(), 800);
        long all = workspaceBytes(deep(6, false, 0), documents);
        long none = workspaceBytes(deep(6, true, 0), documents);
        assertThat(none).isLessThan(all / 2);
        assertThat(workspaceBytes(deep(6, true, 3), documents)).isBetween(none + 1, all - 1);
    }

    private static long workspaceBytes(ModelConfig model, int[][] documents) {
        try (Replica replica = new Replica(model)) {
            int[] budgets = new int[model.layers()];
            Arrays.fill(budgets, 3);
            TokenBatch batch = replica.batch(documents);
            replica.trainer().forwardBackward(batch, budgets, NO_COVERAGE, 1.0 / batch.numTargets());
            return replica.trainer().workspaceBytes();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void theNumberOfThreadsChangesNoBit(int numThreads) {
        int[][] documents = Replica.documents(7, MODEL.vocabulary(), 300, 33, 5);
        float[] one = gradients(new Replica(MODEL, Replica.OPTIMIZER, 1, 16L << 20), documents);
        float[] more = gradients(new Replica(MODEL, Replica.OPTIMIZER, numThreads, 16L << 20), documents);
        assertThat(more).isEqualTo(one);
    }

    @Test
    void theSizeOfTheLossChunksDoesNotMatter() {
        int[][] documents = Replica.documents(8, MODEL.vocabulary(), 300, 33);
        float[] whole = gradients(new Replica(MODEL, Replica.OPTIMIZER, 1, 16L << 20), documents);
        float[] chunked = gradients(new Replica(MODEL, Replica.OPTIMIZER, 1, 1), documents);
        assertThat(relativeDifference(chunked, whole)).isLessThan(1e-6);
    }

    @Test
    void microBatchesAddUpToTheirPackedBatch() {
        int[][] documents = Replica.documents(9, MODEL.vocabulary(), 100, 33, 70, 2);
        float[] packed = gradients(new Replica(MODEL), documents);
        try (Replica replica = new Replica(MODEL).withLargeWeights(5)) {
            double lossScale = lossScale(documents);
            for (int[] document : documents) {
                replica.trainer().forwardBackward(replica.batch(document), PRUNED, NO_COVERAGE, lossScale);
            }
            assertThat(relativeDifference(replica.gradients(), packed)).isLessThan(1e-5);
        }
    }

    @Test
    void twoUnevenRanksHaveTheGradientOfOne() {
        int[][] documents = Replica.documents(10, MODEL.vocabulary(), 150, 33, 7, 70);
        float[] one = gradients(new Replica(MODEL), documents);
        double lossScale = lossScale(documents);
        try (Replica first = new Replica(MODEL).withLargeWeights(5);
                Replica second = new Replica(MODEL).withLargeWeights(5)) {
            TokenBatch large = first.batch(documents[0], documents[1], documents[2]);
            first.trainer().forwardBackward(large, PRUNED, NO_COVERAGE, lossScale);
            second.trainer().forwardBackward(second.batch(documents[3]), PRUNED, NO_COVERAGE, lossScale);
            float[] sum = first.gradients();
            float[] other = second.gradients();
            for (int i = 0; i < sum.length; i++) {
                sum[i] += other[i];
            }
            assertThat(relativeDifference(sum, one)).isLessThan(1e-5);
        }
    }

    @Test
    void evaluationFindsTheLossOfTraining() {
        int[][] documents = Replica.documents(12, MODEL.vocabulary(), 100, 33);
        try (Replica replica = new Replica(MODEL).withLargeWeights(5)) {
            TokenBatch batch = replica.batch(documents);
            MicroBatchResult evaluated = replica.trainer().evaluate(batch, PRUNED);
            MicroBatchResult trained = replica.trainer().forwardBackward(batch, PRUNED, NO_COVERAGE, 1);
            assertThat(evaluated.lossSum()).isEqualTo(trained.lossSum());
            assertThat(evaluated.selectedPairs()).isEqualTo(trained.selectedPairs());
            assertThat(evaluated.numTargets()).isEqualTo(131);
        }
    }

    @Test
    void coverageIsReportedForEachLayerAndRisesWithTheBudget() {
        int[][] documents = Replica.documents(13, MODEL.vocabulary(), 300);
        try (Replica replica = new Replica(MODEL).withLargeWeights(5)) {
            MicroBatchResult result = replica.trainer().forwardBackward(replica.batch(documents), PRUNED,
                    new int[]{1, 2, 4, 10}, 1);
            assertThat(result.coverage()).hasSize(2);
            for (List<Double> layer : result.coverage()) {
                assertThat(layer).hasSize(4).isSorted();
                assertThat(layer.getFirst()).isPositive();
                assertThat(layer.getLast()).isCloseTo(1.0, within(1e-5));
            }
        }
    }

    @Test
    void theFirstLossIsThatOfAUniformGuess() {
        int[][] documents = Replica.documents(14, MODEL.vocabulary(), 200);
        try (Replica replica = new Replica(MODEL)) {
            MicroBatchResult result = replica.trainer().evaluate(replica.batch(documents), PRUNED);
            assertThat(result.lossSum() / result.numTargets()).isCloseTo(Math.log(MODEL.vocabulary()), within(0.05));
        }
    }

    private static double lossScale(int[][] documents) {
        return 1.0 / Arrays.stream(documents).mapToInt(document -> document.length - 1).sum();
    }

    /** Gradient of one packed batch; closes the replica. */
    private static float[] gradients(Replica replica, int[][] documents) {
        return gradients(replica, documents, PRUNED);
    }

    private static float[] gradients(Replica replica, int[][] documents, int[] budgets) {
        try (replica) {
            TokenBatch batch = replica.withLargeWeights(5).batch(documents);
            replica.trainer().forwardBackward(batch, budgets, NO_COVERAGE, lossScale(documents));
            return replica.gradients();
        }
    }

    /** Norm of the difference over the norm. */
    private static double relativeDifference(float[] actual, float[] expected) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }
}
