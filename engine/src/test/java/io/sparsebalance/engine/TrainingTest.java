package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.MemoryStatistics;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Steps in a row: learning, repeatability, memory, and what a step refuses. */
class TrainingTest {
    private static final ModelConfig MODEL = Replica.tinyModel(true, true, false);
    private static final int[] BUDGETS = {2, 3};
    private static final String TEXT = "A rank is one device and the actor that owns it. A sample is one training"
            + " example; documents never attend to each other, packed or not.";

    @Test
    void aTinyModelMemorisesAShortText() {
        AttentionShape attention = new AttentionShape(4, 2, 16, 32, 16, 0, 0);
        ModelConfig model = new ModelConfig(256, 2, 64, 128, attention, 10_000, 1e-5f, true, true, false);
        int[] text = new int[TEXT.length()];
        byte[] bytes = TEXT.getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < text.length; i++) {
            text[i] = bytes[i];
        }
        OptimizerConfig optimizer = new OptimizerConfig(1e-2, 0.1, 20, 300, 0.9f, 0.95f, 1e-8f, 0.01f, 1);
        try (Replica replica = new Replica(model, optimizer, 1, 16L << 20)) {
            TokenBatch batch = replica.batch(text);
            double first = replica.step(batch, BUDGETS, 1);
            double last = first;
            for (long step = 2; step <= 300; step++) {
                last = replica.step(batch, BUDGETS, step);
            }
            assertThat(first).isCloseTo(Math.log(256), within(0.2));
            assertThat(last).isLessThan(0.1);
        }
    }

    @Test
    void theSameSeedGivesBitEqualLossesTwice() {
        assertThat(losses()).isEqualTo(losses());
    }

    private static List<Double> losses() {
        List<Double> losses = new ArrayList<>();
        try (Replica replica = new Replica(MODEL)) {
            for (long step = 1; step <= 8; step++) {
                TokenBatch batch = replica.batch(Replica.documents(step, MODEL.vocabulary(), 90, 40, 3));
                losses.add(replica.step(batch, BUDGETS, step));
            }
        }
        return losses;
    }

    @Test
    void warmingUpChangesNothingAndTakesTheMemoryOfTheLargestMicroBatch() {
        try (Replica replica = new Replica(MODEL)) {
            String digest = replica.trainer().digest();
            Trainers.warmUp(replica.device(), replica.trainer(), 2500, 2, new int[]{1, 2});
            assertThat(replica.trainer().digest()).isEqualTo(digest);
            assertThat(replica.gradients()).containsOnly(0);
            long bytes = replica.trainer().workspaceBytes();
            TokenBatch batch = replica.batch(Replica.documents(1, MODEL.vocabulary(), 2000, 500));
            replica.step(batch, BUDGETS, 1);
            assertThat(replica.trainer().workspaceBytes()).isEqualTo(bytes);
        }
    }

    @Test
    void memoryDoesNotGrowOverFiveHundredSteps() {
        SplittableRandom random = new SplittableRandom(1);
        try (Replica replica = new Replica(MODEL)) {
            List<TokenBatch> batches = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                batches.add(replica.batch(Replica.documents(i, MODEL.vocabulary(), 1 + random.nextInt(60),
                        1 + random.nextInt(40), 2)));
            }
            long step = 0;
            for (TokenBatch batch : batches) {
                replica.step(batch, BUDGETS, ++step);
            }
            MemoryStatistics before = replica.device().memory();
            while (step < 500) {
                replica.step(batches.get(random.nextInt(batches.size())), BUDGETS, ++step);
            }
            MemoryStatistics after = replica.device().memory();
            assertThat(after.usedBytes()).isEqualTo(before.usedBytes());
            assertThat(after.numTensors()).isEqualTo(before.numTensors());
        }
    }

    @Test
    void anExceptionInTheMiddleLeaksNothingAndLeavesTheTrainerUsable() {
        int[] outside = {1, MODEL.vocabulary() + 5, 2, 3};
        int[] inside = {1, 5, 2, 3};
        try (Replica replica = new Replica(MODEL)) {
            TokenBatch good = replica.batch(inside);
            double expected = replica.trainer().evaluate(good, BUDGETS).lossSum();
            long numTensors = replica.device().memory().numTensors();
            TokenBatch badTargets = replica.batch(inside, outside, List.of(4));
            assertThatThrownBy(() -> replica.trainer().forwardBackward(badTargets, BUDGETS, new int[0], 1))
                    .isInstanceOf(RuntimeException.class);
            replica.trainer().zeroGradients();
            MicroBatchResult again = replica.trainer().forwardBackward(good, BUDGETS, new int[0], 1);
            assertThat(again.lossSum()).isEqualTo(expected);
            assertThat(numTensors).isPositive();
        }
    }

    @Test
    void aGradientThatIsNotFiniteChangesNothingAndIsNamed() {
        try (Replica replica = new Replica(MODEL)) {
            replica.step(replica.batch(Replica.documents(2, MODEL.vocabulary(), 20)), BUDGETS, 1);
            String before = replica.trainer().digest();
            for (float bad : new float[]{Float.NaN, Float.POSITIVE_INFINITY}) {
                long down = replica.trainer().layout().entries().stream()
                        .filter(entry -> entry.name().equals("layers.1.mlp.down")).findFirst().orElseThrow().offset();
                replica.trainer().gradients().segment().setAtIndex(ValueLayout.JAVA_FLOAT, down + 3, bad);
                assertThatThrownBy(() -> replica.trainer().update(2)).isInstanceOf(NonFiniteGradientException.class)
                        .hasMessageContaining("step 2").hasMessageContaining("layers.1.mlp.down")
                        .hasMessageContaining("learning-rate");
                assertThat(replica.trainer().digest()).isEqualTo(before);
            }
            replica.step(replica.batch(Replica.documents(2, MODEL.vocabulary(), 20)), BUDGETS, 2);
            assertThat(replica.trainer().digest()).isNotEqualTo(before);
        }
    }

    @Test
    void aStateMakesAnotherReplicaTheSame() {
        try (Replica replica = new Replica(MODEL);
                Replica joiner = new Replica(MODEL);
                Arena arena = Arena.ofConfined()) {
            replica.step(replica.batch(Replica.documents(2, MODEL.vocabulary(), 20)), BUDGETS, 1);
            assertThat(joiner.trainer().digest()).isNotEqualTo(replica.trainer().digest());
            MemorySegment state = arena.allocate(replica.trainer().stateBytes());
            replica.trainer().readState(state);
            joiner.trainer().writeState(state);
            assertThat(joiner.trainer().digest()).isEqualTo(replica.trainer().digest());
            assertThat(joiner.step(joiner.batch(Replica.documents(3, MODEL.vocabulary(), 25)), BUDGETS, 2))
                    .isEqualTo(replica.step(replica.batch(Replica.documents(3, MODEL.vocabulary(), 25)), BUDGETS, 2));
            assertThat(joiner.trainer().digest()).isEqualTo(replica.trainer().digest());
            assertThatThrownBy(() -> joiner.trainer().writeState(state.asSlice(4)))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("this model's has");
        }
    }

    @Test
    void clippingBoundsTheUpdateAndReportsTheNormBefore() {
        OptimizerConfig optimizer = new OptimizerConfig(1e-2, 0, 0, 100, 0.9f, 0.95f, 1e-8f, 0, 0.5);
        try (Replica replica = new Replica(MODEL, optimizer, 1, 16L << 20);
                Replica unclipped = new Replica(MODEL, optimizer, 1, 16L << 20)) {
            long size = replica.trainer().numParameters();
            for (long i = 0; i < size; i++) {
                replica.trainer().gradients().segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 3);
                unclipped.trainer().gradients().segment().setAtIndex(ValueLayout.JAVA_FLOAT, i,
                        (float) (0.5 / Math.sqrt((double) size)));
            }
            UpdateResult result = replica.trainer().update(1);
            unclipped.trainer().update(1);
            assertThat(result.gradientNorm()).isCloseTo(3 * Math.sqrt((double) size), within(1e-3));
            float[] expected = unclipped.parameters();
            float[] actual = replica.parameters();
            for (int i = 0; i < actual.length; i++) {
                assertThat(actual[i]).isCloseTo(expected[i], within(1e-6f));
            }
        }
    }

    @Test
    void weightDecayShrinksMatricesAndLeavesNorms() {
        OptimizerConfig optimizer = new OptimizerConfig(0.1, 1, 0, 100, 0.9f, 0.95f, 1e-8f, 0.5f, 1);
        try (Replica replica = new Replica(MODEL, optimizer, 1, 16L << 20)) {
            float[] before = replica.parameters();
            replica.trainer().update(1);
            float[] after = replica.parameters();
            long numMatrixElements = replica.trainer().layout().numMatrixElements();
            for (int i = 0; i < before.length; i++) {
                float expected = i < numMatrixElements ? before[i] * (1 - 0.1f * 0.5f) : before[i];
                assertThat(after[i]).isCloseTo(expected, within(1e-7f));
            }
        }
    }

    @Test
    void argumentsThatDoNotFitAreNamed() {
        try (Replica replica = new Replica(MODEL)) {
            TokenBatch batch = replica.batch(Replica.documents(2, MODEL.vocabulary(), 20));
            DecoderTrainer trainer = replica.trainer();
            assertThatThrownBy(() -> trainer.forwardBackward(batch, new int[]{2}, new int[0], 1))
                    .hasMessageContaining("1 attention budgets for 2 layers");
            assertThatThrownBy(() -> trainer.evaluate(batch, new int[]{2, 0}))
                    .hasMessageContaining("budget 0 of layer 1 must be at least 1");
            assertThatThrownBy(() -> trainer.forwardBackward(batch, BUDGETS, new int[]{4, 2}, 1))
                    .hasMessageContaining("ascending");
            assertThatThrownBy(() -> trainer.forwardBackward(batch, BUDGETS, new int[0], 0))
                    .hasMessageContaining("lossScale 0.0");
            assertThatThrownBy(() -> trainer.update(0)).hasMessageContaining("numbered from 1");
            TokenBatch wrong = new TokenBatch(batch.documents(), batch.tokens().view(0, 10), batch.targets(), 19);
            assertThatThrownBy(() -> trainer.evaluate(wrong, BUDGETS)).hasMessageContaining("tokens is I32[10]")
                    .hasMessageContaining("I32[20]");
        }
    }
}
