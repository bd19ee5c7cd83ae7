package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole training steps of small Qwen3-shaped models on the GPU against the CPU device. */
@Tag("cuda")
class CudaTrainingTest {
    private static final int VOCABULARY = 256;
    /** Words that occur: few, so that a hundred steps show learning. */
    private static final int WORDS = 64;
    private static final int LAYERS = 3;
    private static final double RATE = 3e-3;

    @TempDir
    private Path directory;

    @BeforeAll
    static void requireGpu() {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
    }

    private static ModelConfig model(int headSize, boolean recompute) {
        AttentionShape attention = new AttentionShape(4, 2, headSize, 64, 64, 1, 1);
        return new ModelConfig(VOCABULARY, LAYERS, 128, 384, attention, 1e6, 1e-6f, true, true, recompute);
    }

    /** A replica with one batch of text-like documents: each word follows from the one before it, with some noise. */
    private static final class Run implements AutoCloseable {
        private final Device device;
        private final DecoderTrainer trainer;
        private final SplittableRandom random = new SplittableRandom(5);
        private final int[] budgets = new int[LAYERS];

        Run(String kind, ModelConfig model) {
            this(kind, model, DType.F32, false, RATE);
        }

        Run(String kind, ModelConfig model, DType gradients, boolean addQueryGradients, double rate) {
            device = Devices.open(kind, new DeviceSettings(8, 0, 1, 0, false, addQueryGradients));
            trainer = new DecoderTrainer(device, model,
                    new OptimizerConfig(rate, 0.1, 10, 100, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0), 17, device.chunkBytes(),
                    UnaryOperator.identity(), new ReplicaMemory(gradients, Optional.empty()));
            Arrays.fill(budgets, 4);
        }

        /** Mean loss before the update. */
        double step(long step, List<Integer> lengths) {
            Packing documents = Packing.ofLengths(lengths);
            int numTokens = documents.numTokens();
            int[] tokens = new int[numTokens];
            int[] targets = new int[numTokens];
            for (int i = 0; i < numTokens; i++) {
                boolean noise = i == 0 || random.nextInt(8) == 0;
                tokens[i] = noise ? random.nextInt(WORDS) : (tokens[i - 1] * 5 + 7) % WORDS;
            }
            for (int d = 0; d < documents.numDocuments(); d++) {
                for (int i = documents.start(d); i < documents.start(d + 1); i++) {
                    targets[i] = i + 1 < documents.start(d + 1) ? tokens[i + 1] : -1;
                }
            }
            try (Tensor tokenTensor = device.allocate(DType.I32, numTokens);
                    Tensor targetTensor = device.allocate(DType.I32, numTokens)) {
                tokenTensor.upload(MemorySegment.ofArray(tokens));
                targetTensor.upload(MemorySegment.ofArray(targets));
                long numTargets = (long) numTokens - lengths.size();
                trainer.zeroGradients();
                MicroBatchResult result = trainer.forwardBackward(
                        new TokenBatch(documents, tokenTensor, targetTensor, numTargets), budgets, new int[]{2, 4},
                        1.0 / numTargets);
                if (step > 0) {
                    trainer.update(step);
                }
                return result.lossSum() / numTargets;
            }
        }

        float[] gradients() {
            try (Tensor wide = device.allocate(DType.F32, trainer.gradients().size())) {
                float[] values = new float[Math.toIntExact(wide.size())];
                device.ops().copy(device.stream(), trainer.gradients(), wide);
                wide.download(MemorySegment.ofArray(values));
                return values;
            }
        }

        @Override
        public void close() {
            trainer.close();
            long open = device.memory().numTensors();
            device.close();
            assertThat(open).as("tensors left open").isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"64,false", "64,true", "128,true"})
    void gradientsAgree(int headSize, boolean recompute) {
        List<Integer> lengths = List.of(700, 40, 1, 129, 64);
        try (Run cpu = new Run("cpu", model(headSize, recompute));
                Run gpu = new Run("cuda", model(headSize, recompute))) {
            double expected = cpu.step(0, lengths);
            assertThat(gpu.step(0, lengths)).isCloseTo(expected, Percentage.withPercentage(0.2));
            // A whole network's gradient in bf16: each of some ten roundings on the way adds its own.
            assertGradientsAgree(cpu, gpu, 0.04);
        }
    }

    private static void assertGradientsAgree(Run expected, Run actual, double limit) {
        float[] a = expected.gradients();
        float[] b = actual.gradients();
        for (ParameterLayout.Entry entry : expected.trainer.layout().entries()) {
            double difference = 0;
            double norm = 0;
            for (long i = entry.offset(); i < entry.offset() + entry.size(); i++) {
                double d = b[(int) i] - a[(int) i];
                difference += d * d;
                norm += (double) a[(int) i] * a[(int) i];
            }
            assertThat(Math.sqrt(difference / norm)).as("relative error of the gradient of " + entry.name())
                    .isLessThan(limit);
        }
    }

    @Test
    void gradientsInBf16AndAddedGradientsOfQueriesDifferByRoundingOnly() {
        List<Integer> lengths = List.of(700, 40, 1, 129, 64);
        try (Run f32 = new Run("cuda", model(128, true));
                Run bf16 = new Run("cuda", model(128, true), DType.BF16, false, RATE);
                Run added = new Run("cuda", model(128, true), DType.F32, true, RATE)) {
            double loss = f32.step(0, lengths);
            assertThat(bf16.step(0, lengths)).isEqualTo(loss);
            assertThat(added.step(0, lengths)).isEqualTo(loss);
            assertGradientsAgree(f32, bf16, 0.01);
            assertGradientsAgree(f32, added, 0.02);
            f32.step(1, lengths);
            bf16.step(1, lengths);
            assertThat(bf16.step(2, lengths)).isCloseTo(f32.step(2, lengths), Percentage.withPercentage(0.5));
        }
    }

    /**
     * At 3e-3 heads of 128 miss this by 0.08 % on an H200. With these words that rate does not pin single losses down: in F32 on the
     * CPU, a rate that is higher by a tenth of a per cent makes a difference of 2 % at one step; at 1e-3 it does not
     * (bench/results/2026-11-30-gpu-step.md).
     */
    @ParameterizedTest
    @CsvSource({"64,3e-3", "128,3e-3", "128,1e-3"})
    void lossesOfAHundredStepsAgree(int headSize, double rate) {
        List<Integer> lengths = List.of(1000, 300, 90, 10);
        try (Run cpu = new Run("cpu", model(headSize, true), DType.F32, false, rate);
                Run gpu = new Run("cuda", model(headSize, true), DType.F32, false, rate)) {
            double[] expected = new double[100];
            double[] actual = new double[100];
            for (int step = 0; step < 100; step++) {
                expected[step] = cpu.step(step + 1, lengths);
                actual[step] = gpu.step(step + 1, lengths);
            }
            assertThat(expected[99]).as("the model learns").isLessThan(0.8 * expected[0]);
            for (int step = 0; step < 100; step++) {
                assertThat(actual[step]).as("loss of step " + step).isCloseTo(expected[step],
                        Percentage.withPercentage(1));
            }
        }
    }

    @Test
    void equalStepsGiveEqualBitsAndCheckpointsRestoreThem() throws Exception {
        List<Integer> lengths = List.of(500, 77);
        String digest;
        double next;
        try (Run run = new Run("cuda", model(64, true))) {
            for (int step = 1; step <= 3; step++) {
                run.step(step, lengths);
            }
            digest = run.trainer.digest();
            run.trainer.saveCheckpoint(directory, 3);
            next = run.step(0, lengths);
        }
        try (Run run = new Run("cuda", model(64, true))) {
            for (int step = 1; step <= 3; step++) {
                run.step(step, lengths);
            }
            assertThat(run.trainer.digest()).isEqualTo(digest);
            assertThat(run.step(0, lengths)).isEqualTo(next);
            int checksum = run.trainer.parameterChecksum();
            run.step(4, lengths);
            assertThat(run.trainer.parameterChecksum()).isNotEqualTo(checksum);
            assertThat(run.trainer.loadCheckpoint(directory)).isEqualTo(3);
            assertThat(run.trainer.digest()).isEqualTo(digest);
            assertThat(run.trainer.parameterChecksum()).isEqualTo(checksum);
        }
    }

    @Test
    void aCheckpointOfTheCpuContinuesOnTheGpu() throws Exception {
        List<Integer> lengths = List.of(300, 200);
        try (Run cpu = new Run("cpu", model(64, false)); Run gpu = new Run("cuda", model(64, false))) {
            cpu.step(1, lengths);
            cpu.step(2, lengths);
            cpu.trainer.saveCheckpoint(directory, 2);
            gpu.trainer.loadCheckpoint(directory);
            assertThat(gpu.trainer.digest()).isEqualTo(cpu.trainer.digest());
            assertThat(gpu.step(3, lengths)).isFinite();
        }
    }
}
