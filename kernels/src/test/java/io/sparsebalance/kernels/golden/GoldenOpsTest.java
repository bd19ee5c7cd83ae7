package io.sparsebalance.kernels.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The dense operations against PyTorch in float64; {@code tools/golden/ops.py} wrote the values. */
class GoldenOpsTest {
    private static final AdamWStep ADAM = new AdamWStep(1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f);

    @Test
    void cpuAgreesWithPyTorch() {
        try (Case device = new Case("cpu", 2e-6, 2e-6)) {
            device.all();
        }
    }

    @Test
    @Tag("cuda")
    void gpuAgreesWithPyTorch() {
        Optional<String> missing = Devices.missing("cuda");
        assumeTrue(missing.isEmpty(), () -> "needs a GPU: " + missing.orElseThrow());
        try (Case device = new Case("cuda", 4e-3, 1e-5)) {
            device.all();
        }
    }

    /** All operations on one device. */
    private static final class Case implements AutoCloseable {
        private final Device device;
        private final Ops ops;
        private final Stream stream;
        private final GoldenFile golden = GoldenFile.read("ops");
        private final List<Tensor> tensors = new ArrayList<>();
        private final double activationLimit;
        private final double f32Limit;

        Case(String kind, double activationLimit, double f32Limit) {
            device = Devices.open(kind, 1);
            ops = device.ops();
            stream = device.stream();
            this.activationLimit = activationLimit;
            this.f32Limit = f32Limit;
        }

        void all() {
            Tensor y = activation("rmsNorm.y");
            Tensor rstd = f32("rmsNorm.rstd");
            ops.rmsNorm(stream, activation("rmsNorm.x"), f32("rmsNorm.weight"), 1e-6f, y, rstd);
            check("rmsNorm.y", y);
            check("rmsNorm.rstd", rstd);
            Tensor dx = zero(activation("rmsNorm.dx"));
            Tensor dWeight = zero(f32("rmsNorm.dWeight"));
            ops.rmsNormBackward(stream, activation("rmsNorm.dy"), activation("rmsNorm.x"), f32("rmsNorm.weight"), rstd,
                    dx,
                    dWeight);
            check("rmsNorm.dx", dx);
            check("rmsNorm.dWeight", dWeight);
            rope("rope.x", false, "rope.y");
            rope("rope.dy", true, "rope.dx");
            Tensor out = activation("swiGlu.y");
            ops.swiGlu(stream, activation("swiGlu.x"), out);
            check("swiGlu.y", out);
            Tensor dGateUp = activation("swiGlu.dx");
            ops.swiGluBackward(stream, activation("swiGlu.dy"), activation("swiGlu.x"), dGateUp);
            check("swiGlu.dx", dGateUp);
            embedding();
            crossEntropy();
            products();
            adamW();
        }

        private void rope(String input, boolean backward, String expected) {
            Tensor x = activation(input);
            ops.rope(stream, x, integers("rope.positions"), 1e6, backward);
            check(expected, x);
        }

        private void embedding() {
            Tensor y = activation("embedding.y");
            ops.embedding(stream, integers("embedding.tokens"), activation("embedding.table"), y);
            check("embedding.y", y);
            Tensor dTable = zero(f32("embedding.dTable"));
            ops.embeddingBackward(stream, integers("embedding.tokens"), activation("embedding.dy"), dTable);
            check("embedding.dTable", dTable);
        }

        private void crossEntropy() {
            Tensor logits = activation("crossEntropy.x");
            Tensor loss = keep(device.allocate(DType.F64, 1));
            ops.crossEntropy(stream, logits, integers("crossEntropy.targets"), 0.125f, loss);
            check("crossEntropy.dx", logits);
            double[] sum = new double[1];
            loss.download(MemorySegment.ofArray(sum));
            double expected = golden.f64("crossEntropy.loss")[0];
            assertThat(Math.abs(sum[0] / expected - 1)).isLessThan(1e-6);
        }

        private void products() {
            Tensor c = activation("matmul.c");
            ops.matmul(stream, activation("matmul.a"), false, activation("matmul.b"), false, 1, 0, c);
            check("matmul.c", c);
            Tensor da = activation("matmul.da");
            ops.matmul(stream, activation("matmul.dc"), false, activation("matmul.b"), true, 1, 0, da);
            check("matmul.da", da);
            Tensor db = zero(f32("matmul.db"));
            ops.matmul(stream, activation("matmul.a"), true, activation("matmul.dc"), false, 1, 1, db);
            check("matmul.db", db);
        }

        private void adamW() {
            Tensor parameters = f32("adamW.start");
            Tensor gradients = f32("adamW.gradients");
            Tensor first = zero(f32("adamW.firstMoment"));
            Tensor second = zero(f32("adamW.secondMoment"));
            for (int step = 1; step <= 3; step++) {
                ops.adamW(stream, parameters, gradients, first, second, null, ADAM, step, 1);
            }
            check("adamW.end", parameters);
            check("adamW.firstMoment", first);
            check("adamW.secondMoment", second);
        }

        /** As on file, in the type of activations. */
        private Tensor activation(String name) {
            Tensor exact = f32(name);
            if (device.computeType() == DType.F32) {
                return exact;
            }
            Tensor rounded = keep(device.allocate(device.computeType(), golden.shape(name)));
            ops.copy(stream, exact, rounded);
            return rounded;
        }

        private Tensor f32(String name) {
            Tensor tensor = keep(device.allocate(DType.F32, golden.shape(name)));
            tensor.upload(MemorySegment.ofArray(golden.bytes(name)));
            return tensor;
        }

        private Tensor integers(String name) {
            Tensor tensor = keep(device.allocate(DType.I32, golden.shape(name)));
            tensor.upload(MemorySegment.ofArray(golden.bytes(name)));
            return tensor;
        }

        private Tensor zero(Tensor tensor) {
            ops.fill(stream, tensor, 0);
            return tensor;
        }

        private Tensor keep(Tensor tensor) {
            tensors.add(tensor);
            return tensor;
        }

        private void check(String name, Tensor actual) {
            float[] expected = golden.f32(name);
            float[] values = new float[expected.length];
            try (Tensor exact = device.allocate(DType.F32, actual.shape())) {
                ops.copy(stream, actual, exact);
                exact.download(MemorySegment.ofArray(values));
            }
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < values.length; i++) {
                difference += Math.pow((double) values[i] - expected[i], 2);
                norm += Math.pow(expected[i], 2);
            }
            assertThat(Math.sqrt(difference / norm)).as("relative error of " + name)
                    .isLessThan(actual.type() == DType.BF16 ? activationLimit : f32Limit);
        }

        @Override
        public void close() {
            tensors.forEach(Tensor::close);
            device.close();
        }
    }
}
