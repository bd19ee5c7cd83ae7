package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two replicas that share parameters against two that do not. */
class SharedParametersTest {
    private static final ModelConfig MODEL = Replica.tinyModel(true, true, false);
    private static final int[] BUDGETS = {2, 2};

    @TempDir
    private Path directory;

    private Device holder;
    private int opened;

    /** Two ranks, each with its own batch. */
    private static final class Pair implements AutoCloseable {
        private final Replica first;
        private final Replica second;

        Pair(ReplicaMemory memory) {
            first = replica(memory);
            second = replica(memory);
        }

        private static Replica replica(ReplicaMemory memory) {
            return new Replica(MODEL, Replica.OPTIMIZER, 1, 16L << 20, memory);
        }

        /** A step as a run makes it: gradients added up, written to both, and both update, at the same time. */
        void step(long step) {
            gradient(first, 2 * step);
            gradient(second, 2 * step + 1);
            var a = first.trainer().gradients().segment();
            var b = second.trainer().gradients().segment();
            for (long i = 0; i < first.trainer().numParameters(); i++) {
                a.setAtIndex(ValueLayout.JAVA_FLOAT, i,
                        a.getAtIndex(ValueLayout.JAVA_FLOAT, i) + b.getAtIndex(ValueLayout.JAVA_FLOAT, i));
            }
            b.copyFrom(a);
            CompletableFuture<UpdateResult> other = CompletableFuture.supplyAsync(() -> second.trainer().update(step));
            assertThat(first.trainer().update(step)).isEqualTo(other.join());
        }

        private static void gradient(Replica replica, long seed) {
            replica.trainer().zeroGradients();
            TokenBatch batch = replica.batch(Replica.documents(seed, MODEL.vocabulary(), 40, 20));
            replica.trainer().forwardBackward(batch, BUDGETS, new int[0], 1.0 / batch.numTargets());
        }

        @Override
        public void close() {
            try (first; second) {
                // Each checks that it left no tensor open.
            }
        }
    }

    private ReplicaMemory shared() {
        return new ReplicaMemory(DType.F32, Optional.of(new SharedParameters(() -> {
            opened++;
            holder = Devices.open("cpu", 1);
            return holder;
        })));
    }

    @Test
    void givesTheSameBits() throws Exception {
        ReplicaMemory memory = shared();
        try (Pair own = new Pair(ReplicaMemory.OWN); Pair together = new Pair(memory)) {
            for (int step = 1; step <= 4; step++) {
                own.step(step);
                together.step(step);
            }
            assertThat(together.first.trainer().digest()).isEqualTo(own.first.trainer().digest());
            assertThat(together.second.trainer().digest()).isEqualTo(own.second.trainer().digest());
            assertThat(together.second.trainer().parameterChecksum())
                    .isEqualTo(own.first.trainer().parameterChecksum());

            together.first.trainer().saveCheckpoint(directory, 4);
            own.step(5);
            together.step(5);
            assertThat(together.second.trainer().digest()).isEqualTo(own.second.trainer().digest());
            for (Replica replica : List.of(together.first, together.second, own.first, own.second)) {
                assertThat(replica.trainer().loadCheckpoint(directory)).isEqualTo(4);
            }
            // The number of a step that was made before, after a checkpoint: made again.
            own.step(5);
            together.step(5);
            assertThat(together.second.trainer().digest()).isEqualTo(own.second.trainer().digest());
            assertThat(opened).isEqualTo(1);
        }
    }

    @Test
    void theLastToLeaveClosesTheDevice() {
        ReplicaMemory memory = shared();
        Replica first = Pair.replica(memory);
        long ownTensors = first.device().memory().numTensors();
        Replica second = Pair.replica(memory);
        assertThat(ownTensors).as("only the gradient is the rank's own").isEqualTo(1);
        first.close();
        assertThat(holder.memory().numTensors()).isEqualTo(3);
        assertThat(second.trainer().digest()).isNotEmpty();
        second.close();
        assertThat(holder.memory().numTensors()).isZero();
        try (Replica again = Pair.replica(memory)) {
            assertThat(again.trainer().numParameters()).isPositive();
            assertThat(opened).isEqualTo(2);
        }
    }

    @Test
    void allRanksAreToldOfARefusedGradient() {
        try (Pair together = new Pair(shared())) {
            String before = together.first.trainer().digest();
            // Twice, as a run does before it skips the step.
            for (int attempt = 1; attempt <= 2; attempt++) {
                for (Replica replica : List.of(together.first, together.second)) {
                    replica.trainer().gradients().segment().setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.NaN);
                    assertThatThrownBy(() -> replica.trainer().update(1))
                            .isInstanceOf(NonFiniteGradientException.class);
                }
            }
            assertThat(together.first.trainer().digest()).isEqualTo(before);
            together.step(1);
            String after = together.first.trainer().digest();
            assertThat(after).as("the step at a third attempt").isNotEqualTo(before);
            assertThat(together.second.trainer().digest()).isEqualTo(after);
        }
    }

    @Test
    void refusesAnotherModel() {
        ReplicaMemory memory = shared();
        try (Replica first = Pair.replica(memory)) {
            assertThatThrownBy(() -> new Replica(Replica.tinyModel(false, true, false), Replica.OPTIMIZER, 1, 16L << 20,
                    memory)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("different models");
            assertThat(first.trainer().numParameters()).isPositive();
        }
    }
}
