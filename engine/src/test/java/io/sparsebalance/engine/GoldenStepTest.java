package io.sparsebalance.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** One whole training step against PyTorch in float64; {@code tools/golden/step.py} wrote the values. */
class GoldenStepTest {
    private static final OptimizerConfig OPTIMIZER = new OptimizerConfig(1e-2, 1, 0, 10, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0);

    @Test
    void cpuAgreesWithPyTorch() throws IOException {
        check("cpu", 1e-6, 1e-5);
    }

    @Test
    @Tag("cuda")
    void gpuAgreesWithPyTorch() throws IOException {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
        check("cuda", 2e-3, 0.03);
    }

    private static void check(String kind, double lossLimit, double gradientLimit) throws IOException {
        Golden golden = Golden.read();
        // The budget covers the longest document, so that attention is dense.
        AttentionShape attention = new AttentionShape(2, 1, 64, 64, 64, 0, 0);
        ModelConfig model = new ModelConfig(64, 2, 32, 48, attention, 1e6, 1e-6f, true, true, false);
        int[] budgets = {8, 8};
        Packing documents = Packing.ofLengths(Arrays.stream(golden.ints("lengths")).boxed().toList());
        long numTargets = Arrays.stream(golden.ints("targets")).filter(target -> target >= 0).count();
        try (Device device = Devices.open(kind, 1);
                DecoderTrainer trainer = new DecoderTrainer(device, model, OPTIMIZER, 1, device.chunkBytes());
                Tensor tokens = device.allocate(DType.I32, documents.numTokens());
                Tensor targets = device.allocate(DType.I32, documents.numTokens())) {
            tokens.upload(golden.segment("tokens"));
            targets.upload(golden.segment("targets"));
            trainer.loadParameters(golden.segment("parameters"));
            MicroBatchResult result = trainer.forwardBackward(new TokenBatch(documents, tokens, targets, numTargets),
                    budgets,
                    new int[0], 1.0 / numTargets);
            double loss = golden.segment("loss").get(ValueLayout.JAVA_DOUBLE_UNALIGNED, 0);
            assertThat(Math.abs(result.lossSum() / loss - 1)).as("loss").isLessThan(lossLimit);
            assertThat(error(trainer.gradients(), golden.floats("gradients"))).as("gradient").isLessThan(gradientLimit);
            UpdateResult update = trainer.update(1);
            double norm = golden.segment("gradientNorm").get(ValueLayout.JAVA_DOUBLE_UNALIGNED, 0);
            assertThat(Math.abs(update.gradientNorm() / norm - 1)).as("gradient norm").isLessThan(gradientLimit);
            // The first step of Adam moves by the gradient's sign, so a wrong gradient shows here; tiny ones may flip.
            assertThat(error(trainer.parameters(), golden.floats("updated"))).as("updated").isLessThan(gradientLimit);
        }
    }

    private static double error(Tensor actual, float[] expected) {
        float[] values = new float[expected.length];
        actual.download(MemorySegment.ofArray(values));
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < values.length; i++) {
            difference += Math.pow((double) values[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }

    /** The golden file: an 8-byte length, a JSON header, the bytes. */
    private record Golden(JsonNode header, MemorySegment data) {
        static Golden read() throws IOException {
            try (InputStream in = GoldenStepTest.class.getResourceAsStream("/golden/step.safetensors")) {
                MemorySegment file = MemorySegment.ofArray(in.readAllBytes());
                long headerBytes = file.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
                byte[] header = file.asSlice(Long.BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE);
                return new Golden(new ObjectMapper().readTree(header), file.asSlice(Long.BYTES + headerBytes));
            }
        }

        MemorySegment segment(String name) {
            JsonNode offsets = header.get(name).get("data_offsets");
            return data.asSlice(offsets.get(0).asLong(), offsets.get(1).asLong() - offsets.get(0).asLong());
        }

        int[] ints(String name) {
            return segment(name).toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }

        float[] floats(String name) {
            return segment(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }
}
