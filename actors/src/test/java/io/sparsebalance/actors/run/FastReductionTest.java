package io.sparsebalance.actors.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.collective.Seat;
import io.sparsebalance.actors.rank.OwnThreads;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.engine.ModelConfig;
import io.sparsebalance.engine.OptimizerConfig;
import io.sparsebalance.engine.ReplicaMemory;
import io.sparsebalance.engine.SharedParameters;
import io.sparsebalance.engine.TokenBatch;
import io.sparsebalance.engine.Trainer;
import io.sparsebalance.engine.Trainers;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cpu.FixedPointWords;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradients of several ranks, summed on the host and on the device. */
class FastReductionTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final int STEPS = 12;
    private static final ModelConfig MODEL = new ModelConfig(256, 3, 128, 384,
            new AttentionShape(4, 2, 64, 64, 64, 1, 1), 1e6, 1e-6f, true, true, true);

    /** A collective that does not let ranks see each other's memory. */
    private record OverTheHost(Collective collective) implements Collective {
        @Override
        public long allReduceSum(MemorySegment values, long step) {
            return collective.allReduceSum(values, step);
        }

        @Override
        public long allReduceExact(FixedPointWords partial, MemorySegment total, long step) {
            return collective.allReduceExact(partial, total, step);
        }

        @Override
        public Seat seat() {
            return collective.seat();
        }

        @Override
        public Optional<CollectiveException> failure() {
            return collective.failure();
        }

        @Override
        public void abort(Throwable cause) {
            collective.abort(cause);
        }

        @Override
        public void close() {
            collective.close();
        }
    }

    /** A replica of one of two ranks. */
    private static final class Rank implements AutoCloseable {
        private final int number;
        private final Device device;
        private final Trainer trainer;
        private final GradientReduction reduction;

        Rank(int number, int numRanks, String kind, Collective collective, ReplicaMemory memory) {
            this.number = number;
            device = Devices.open(kind, new DeviceSettings(1, number, numRanks, 1L << 30, false));
            trainer = Trainers.create(device, MODEL, new OptimizerConfig(3e-3, 0.1, 10, 100, 0.9f, 0.95f, 1e-8f, 0.1f,
                    1.0), 17, UnaryOperator.identity(), memory);
            reduction = new FastReduction(device, collective, numRanks == 1);
        }

        /** Loss sum of this rank's micro-batch, and the parameters' checksum afterwards. */
        List<Number> step(long step) {
            SplittableRandom random = new SplittableRandom(31 * step + number);
            List<Integer> lengths = List.of(1 + random.nextInt(900), 1 + random.nextInt(300));
            Packing documents = Packing.ofLengths(lengths);
            int numTokens = documents.numTokens();
            int[] words = random.ints(numTokens + 1, 0, 64).toArray();
            int[] budgets = new int[MODEL.layers()];
            Arrays.fill(budgets, 3);
            trainer.zeroGradients();
            double lossSum;
            try (Tensor tokens = device.allocate(DType.I32, numTokens);
                    Tensor targets = device.allocate(DType.I32, numTokens)) {
                tokens.upload(MemorySegment.ofArray(Arrays.copyOf(words, numTokens)));
                targets.upload(MemorySegment.ofArray(Arrays.copyOfRange(words, 1, numTokens + 1)));
                MicroBatchResult result = trainer.forwardBackward(new TokenBatch(documents, tokens, targets, numTokens),
                        budgets, new int[]{2}, 1e-3);
                lossSum = result.lossSum();
            }
            reduction.reduce(trainer.gradients(), step);
            trainer.update(step);
            return List.of(lossSum, trainer.parameterChecksum());
        }

        @Override
        public void close() {
            try (device; trainer; reduction) {
                // The device last.
            }
        }
    }

    /** What every rank said of every step. */
    private static List<List<Number>> run(String kind, boolean overTheHost) {
        return run(kind, overTheHost, ReplicaMemory.OWN);
    }

    private static List<List<Number>> run(String kind, boolean overTheHost, ReplicaMemory memory) {
        List<Collective> collectives = InProcess.create(2, TIMEOUT);
        List<List<Number>> seen = new ArrayList<>();
        try (OwnThreads<Rank> ranks = new OwnThreads<>("ranks", "training", 2, i -> new Rank(i, 2, kind,
                overTheHost ? new OverTheHost(collectives.get(i)) : collectives.get(i), memory))) {
            for (long step = 1; step <= STEPS; step++) {
                long number = step;
                List<Future<List<Number>>> running = List.of(ranks.start(0, () -> ranks.get(0).step(number)),
                        ranks.start(1, () -> ranks.get(1).step(number)));
                List<List<Number>> both = running.stream().map(ranks::join).toList();
                assertThat(both.get(0).get(1)).as("parameters of the ranks").isEqualTo(both.get(1).get(1));
                seen.addAll(both);
            }
        }
        return seen;
    }

    @Test
    void twoRanksOnTheCpuRepeatBitForBit() {
        assertThat(run("cpu", false)).isEqualTo(run("cpu", false));
    }

    /** At a learning rate at which losses jump, a race would show as a difference. */
    @Test
    @Tag("cuda")
    void twoRanksOnOneGpuRepeatBitForBitHoweverGradientsAreSummed() {
        requireGpu();
        List<List<Number>> first = run("cuda", false);
        assertThat(run("cuda", false)).isEqualTo(first);
        assertThat(run("cuda", true)).isEqualTo(first);
    }

    private static ReplicaMemory shared(String kind) {
        return new ReplicaMemory(DType.F32, Optional.of(new SharedParameters(
                () -> Devices.open(kind, new DeviceSettings(1, 0, 1, 1L << 30, false)))));
    }

    @Test
    void ranksThatShareParametersOnTheCpuGiveTheSameBits() {
        assertThat(run("cpu", false, shared("cpu"))).isEqualTo(run("cpu", false));
    }

    @Test
    @Tag("cuda")
    void ranksThatShareParametersOnAGpuGiveTheSameBits() {
        requireOneGpu();
        List<List<Number>> own = run("cuda", false);
        assertThat(run("cuda", false, shared("cuda"))).isEqualTo(own);
        assertThat(run("cuda", true, shared("cuda"))).isEqualTo(own);
    }

    @Test
    @Tag("cuda")
    void gradientsInBf16RepeatBitForBitHoweverTheyAreSummed() {
        requireGpu();
        ReplicaMemory bf16 = new ReplicaMemory(DType.BF16, Optional.empty());
        List<List<Number>> first = run("cuda", false, bf16);
        assertThat(run("cuda", false, bf16)).isEqualTo(first);
        assertThat(run("cuda", true, bf16)).isEqualTo(first);
        List<List<Number>> f32 = run("cuda", false);
        assertThat(first.get(0).get(0)).isEqualTo(f32.get(0).get(0));
        assertThat(first.get(0).get(1)).as("parameters after a step").isNotEqualTo(f32.get(0).get(1));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void devicesAddUpWhatTheHostWould(int numRanks) {
        addUp("cpu", numRanks);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    @Tag("cuda")
    void gpusAddUpWhatTheHostWould(int numRanks) {
        requireOneGpu();
        addUp("cuda", numRanks);
    }

    private static void addUp(String kind, int numRanks) {
        int size = 10_007;
        float[] expected = new float[size];
        List<float[]> values = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            SplittableRandom random = new SplittableRandom(rank);
            float[] own = new float[size];
            for (int i = 0; i < size; i++) {
                own[i] = (float) random.nextGaussian();
                expected[i] = rank == 0 ? own[i] : expected[i] + own[i];
            }
            values.add(own);
        }
        List<Collective> collectives = InProcess.create(numRanks, TIMEOUT);
        try (OwnThreads<Device> devices = new OwnThreads<>("ranks", "adding up", numRanks,
                i -> Devices.open(kind, new DeviceSettings(1, i, numRanks, 1L << 28, false)))) {
            List<Future<float[]>> sums = new ArrayList<>();
            for (int rank = 0; rank < numRanks; rank++) {
                int number = rank;
                sums.add(devices.start(rank,
                        () -> sum(devices.get(number), collectives.get(number), values.get(number))));
            }
            for (Future<float[]> sum : sums) {
                assertThat(devices.join(sum)).isEqualTo(expected);
            }
        }
    }

    private static float[] sum(Device device, Collective collective, float[] values) {
        try (Tensor tensor = device.allocate(DType.F32, values.length)) {
            tensor.upload(MemorySegment.ofArray(values));
            collective.allReduceSum(new DeviceArray(device, tensor), 1);
            float[] sum = new float[values.length];
            tensor.download(MemorySegment.ofArray(sum));
            return sum;
        }
    }

    private static void requireGpu() {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
    }

    /** With several, ranks lie on different ones: nothing is shared, and a run that is to share is refused. */
    private static void requireOneGpu() {
        requireGpu();
        try (Device device = Devices.open("cuda", new DeviceSettings(1, 0, 2, 1L << 28, false))) {
            assumeTrue(device.ranksShareMemory(), "needs one GPU; make one visible with CUDA_VISIBLE_DEVICES=0");
        }
    }
}
