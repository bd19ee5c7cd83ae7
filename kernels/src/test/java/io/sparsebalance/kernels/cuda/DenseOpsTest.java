package io.sparsebalance.kernels.cuda;

import static io.sparsebalance.kernels.cuda.BothDevices.assertClose;
import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.kernels.AdamWStep;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.FlatState;
import io.sparsebalance.kernels.Ops;
import io.sparsebalance.kernels.Stream;
import io.sparsebalance.kernels.Tensor;
import io.sparsebalance.kernels.cuda.BothDevices.Both;
import java.util.stream.IntStream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each dense operation of the GPU against the CPU device, forward and backward, on data that BF16 holds exactly. */
@Tag("cuda")
class DenseOpsTest {
    /** Inputs are equal, so only the result's own rounding and the order of sums differ. */
    private static final double BF16 = 4e-3;
    private static final double F32 = 1e-5;

    @BeforeAll
    static void requireGpu() {
        BothDevices.requireGpu();
    }

    /** One operation on both devices, of their own tensors. */
    private interface Operation {
        void run(Ops ops, Stream stream, boolean gpu);
    }

    private static void onBoth(BothDevices devices, Operation operation) {
        operation.run(devices.cpu().ops(), devices.cpu().stream(), false);
        operation.run(devices.gpu().ops(), devices.gpu().stream(), true);
    }

    private static Tensor side(Both both, boolean gpu) {
        return gpu ? both.gpu() : both.cpu();
    }

    @ParameterizedTest
    @CsvSource({"64,96,128", "33,40,72", "17,23,31", "1,8,5", "300,1024,2048"})
    void products(int m, int n, int k) {
        for (int flags = 0; flags < 16; flags++) {
            boolean transposeA = (flags & 1) != 0;
            boolean transposeB = (flags & 2) != 0;
            float beta = (flags & 4) != 0 ? 1 : 0;
            boolean wide = (flags & 8) != 0;
            try (BothDevices devices = new BothDevices(flags + m)) {
                Both a = transposeA ? devices.activation(k, m) : devices.activation(m, k);
                Both b = transposeB ? devices.activation(n, k) : devices.activation(k, n);
                Both c = wide ? devices.f32(1, m, n) : devices.activation(m, n);
                onBoth(devices, (ops, stream, gpu) -> ops.matmul(stream, side(a, gpu), transposeA, side(b, gpu),
                        transposeB, 0.5f, beta, side(c, gpu)));
                assertClose(c, wide ? F32 : BF16);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"8,100", "64,777", "128,1000", "512,33", "516,40", "1024,513", "2048,50", "4096,31", "8192,9"})
    void rmsNorm(int columns, int rows) {
        try (BothDevices devices = new BothDevices(columns)) {
            Both x = devices.activation(rows, columns);
            Both weight = devices.f32(1, columns);
            Both y = devices.activation(rows, columns);
            Both rstd = devices.f32(1, rows);
            Both dy = devices.activation(rows, columns);
            Both dx = devices.activation(rows, columns);
            Both dWeight = devices.f32(1, columns);
            onBoth(devices, (ops, stream, gpu) -> {
                ops.rmsNorm(stream, side(x, gpu), side(weight, gpu), 1e-6f, side(y, gpu), side(rstd, gpu));
                ops.rmsNormBackward(stream, side(dy, gpu), side(x, gpu), side(weight, gpu), side(rstd, gpu),
                        side(dx, gpu), side(dWeight, gpu));
            });
            assertClose(y, BF16);
            assertClose(rstd, F32);
            assertClose(dx, BF16);
            assertClose(dWeight, F32);
        }
    }

    @ParameterizedTest
    @CsvSource({"8,3", "32,2", "64,16", "128,8", "256,1"})
    void rope(int headSize, int heads) {
        for (boolean backward : new boolean[]{false, true}) {
            try (BothDevices devices = new BothDevices(headSize)) {
                int[] positions = {0, 1, 2, 5, 63, 64, 1000, 131_071, 65_537, 3};
                Both at = devices.of(positions);
                Both x = devices.activation(positions.length, heads, headSize);
                onBoth(devices,
                        (ops, stream, gpu) -> ops.rope(stream, side(x, gpu), side(at, gpu), 1e6, backward));
                assertClose(x, BF16);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"32,2,7", "64,14,300", "64,2,5", "128,16,3000", "128,5,9", "128,1,33", "256,3,17"})
    void normAndRope(int headSize, int heads, int tokens) {
        try (BothDevices devices = new BothDevices(headSize + heads)) {
            Both at = devices.of(devices.random().ints(tokens, 0, 131_072).toArray());
            Both x = devices.activation(tokens, heads, headSize);
            Both weight = devices.f32(1, headSize);
            Both y = devices.activation(tokens, heads, headSize);
            Both rstd = devices.f32(1, (long) tokens * heads);
            Both dy = devices.activation(tokens, heads, headSize);
            Both dx = devices.activation(tokens, heads, headSize);
            Both dWeight = devices.f32(1, headSize);
            onBoth(devices, (ops, stream, gpu) -> {
                ops.normRope(stream, side(x, gpu), side(weight, gpu), 1e-6f, side(at, gpu), 1e6, side(y, gpu),
                        side(rstd, gpu));
                ops.normRopeBackward(stream, side(dy, gpu), side(x, gpu), side(weight, gpu), side(rstd, gpu),
                        side(at, gpu), 1e6, side(dx, gpu), side(dWeight, gpu));
            });
            assertClose(y, BF16);
            assertClose(rstd, F32);
            assertClose(dx, BF16);
            assertClose(dWeight, headSize == 32 ? BF16 : 10 * F32);
        }
    }

    @ParameterizedTest
    @CsvSource({"64,96,128", "17,24,32", "300,1024,2048"})
    void productsThatAddAResidual(int m, int n, int k) {
        try (BothDevices devices = new BothDevices(m)) {
            Both a = devices.activation(m, k);
            Both b = devices.activation(k, n);
            Both residual = devices.activation(m, n);
            Both out = devices.activation(m, n);
            onBoth(devices, (ops, stream, gpu) -> ops.matmulAdd(stream, side(a, gpu), side(b, gpu),
                    side(residual, gpu), side(out, gpu)));
            assertClose(out, BF16);
        }
    }

    @ParameterizedTest
    @CsvSource({"8,100", "40,33", "3072,65"})
    void swiGlu(int width, int tokens) {
        try (BothDevices devices = new BothDevices(width)) {
            Both gateUp = devices.activation(tokens, 2L * width);
            Both out = devices.activation(tokens, width);
            Both dOut = devices.activation(tokens, width);
            onBoth(devices, (ops, stream, gpu) -> ops.swiGlu(stream, side(gateUp, gpu), side(out, gpu)));
            assertClose(out, BF16);
            onBoth(devices, (ops, stream, gpu) -> ops.swiGluBackward(stream, side(dOut, gpu), side(gateUp, gpu),
                    side(gateUp, gpu)));
            assertClose(gateUp, BF16);
        }
    }

    @ParameterizedTest
    @CsvSource({"23,24,500", "1000,1024,300", "40,520,1", "5,8,4000"})
    void embedding(int vocabulary, int columns, int tokens) {
        try (BothDevices devices = new BothDevices(vocabulary)) {
            // Half of them are one word: the sum of a hot row.
            int[] ids = IntStream.range(0, tokens)
                    .map(i -> i % 2 == 0 ? 3 : devices.random().nextInt(vocabulary)).toArray();
            Both at = devices.of(ids);
            Both table = devices.activation(vocabulary, columns);
            Both out = devices.activation(tokens, columns);
            Both dOut = devices.activation(tokens, columns);
            Both dTable = devices.f32(1, vocabulary, columns);
            onBoth(devices, (ops, stream, gpu) -> {
                ops.embedding(stream, side(at, gpu), side(table, gpu), side(out, gpu));
                ops.embeddingBackward(stream, side(at, gpu), side(dOut, gpu), side(dTable, gpu));
            });
            assertThat(BothDevices.error(out)).isZero();
            assertClose(dTable, F32);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 23, 256, 1000, 151_936})
    void crossEntropy(int vocabulary) {
        int rows = vocabulary > 10_000 ? 20 : 300;
        for (float scale : new float[]{0.25f, 0}) {
            try (BothDevices devices = new BothDevices(vocabulary)) {
                Both logits = devices.activation(rows, vocabulary);
                Both targets = devices.of(IntStream.range(0, rows)
                        .map(i -> i % 7 == 0 ? -1 : devices.random().nextInt(vocabulary)).toArray());
                Both loss = devices.sum(2.5);
                onBoth(devices, (ops, stream, gpu) -> ops.crossEntropy(stream, side(logits, gpu), side(targets, gpu),
                        scale, side(loss, gpu)));
                assertClose(logits, BF16);
                assertClose(loss, F32);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 255, 100_003})
    void adamW(int size) {
        try (BothDevices devices = new BothDevices(size)) {
            Both p = devices.f32(0.02, size);
            Both g = devices.f32(1e-3, size);
            Both m = devices.f32(0, size);
            Both v = devices.f32(0, size);
            CudaTensor copy = devices.gpu().allocateCuda(DType.BF16, size);
            try (copy) {
                AdamWStep settings = new AdamWStep(1e-2f, 0.9f, 0.95f, 1e-8f, 0.1f);
                for (int step = 1; step <= 3; step++) {
                    int number = step;
                    onBoth(devices, (ops, stream, gpu) -> ops.adamW(stream, side(p, gpu), side(g, gpu), side(m, gpu),
                            side(v, gpu), gpu ? copy : null, settings, number, 0.5f));
                }
                assertClose(p, F32);
                assertClose(m, F32);
                assertClose(v, F32);
                double[] parameters = BothDevices.values(p.gpu());
                double[] rounded = BothDevices.values(copy);
                for (int i = 0; i < size; i++) {
                    assertThat(rounded[i]).isEqualTo(BothDevices.round((float) parameters[i]));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"100003,70000", "1000,1000", "1000,0", "1,1"})
    void clippedAdamW(int size, int numDecayed) {
        try (BothDevices devices = new BothDevices(size)) {
            Both p = devices.f32(0.02, size);
            Both m = devices.f32(0, size);
            Both v = devices.f32(0, size);
            Both g = devices.f32(1, size);
            CudaTensor copy = devices.gpu().allocateCuda(DType.BF16, Math.max(1, numDecayed));
            try (copy) {
                FlatState host = new FlatState(p.cpu(), g.cpu(), m.cpu(), v.cpu(), null, numDecayed);
                FlatState device = new FlatState(p.gpu(), g.gpu(), m.gpu(), v.gpu(), numDecayed > 0 ? copy : null,
                        numDecayed);
                // The first update runs launch by launch, the second records, the others repeat it; some clip.
                for (int step = 1; step <= 5; step++) {
                    AdamWStep settings = new AdamWStep(1e-2f / step, 0.9f, 0.95f, 1e-8f, 0.1f);
                    double clipNorm = step == 3 ? 1e9 : 0.5;
                    double expected = devices.cpu().ops().clippedAdamW(devices.cpu().stream(), host, settings, step,
                            clipNorm);
                    assertThat(devices.gpu().ops().clippedAdamW(devices.gpu().stream(), device, settings, step,
                            clipNorm)).isCloseTo(expected, Percentage.withPercentage(1e-4));
                    assertClose(p, F32);
                    assertClose(m, F32);
                    assertClose(v, F32);
                    onBoth(devices, (ops, stream, gpu) -> ops.add(stream, side(p, gpu), side(g, gpu)));
                }
                double[] parameters = BothDevices.values(p.gpu());
                double[] rounded = BothDevices.values(copy);
                for (int i = 0; i < numDecayed; i++) {
                    assertThat(rounded[i]).isEqualTo(BothDevices.round((float) parameters[i]));
                }
                devices.gpu().ops().fill(devices.gpu().stream(), g.gpu().view(size - 1, 1), Float.NaN);
                AdamWStep settings = new AdamWStep(1, 0.9f, 0.95f, 1e-8f, 0.1f);
                assertThat(devices.gpu().ops().clippedAdamW(devices.gpu().stream(), device, settings, 6, 1)).isNaN();
                assertThat(BothDevices.values(p.gpu())).isEqualTo(parameters);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 1000, 1_000_003})
    void sumsFillsAndCopies(int size) {
        try (BothDevices devices = new BothDevices(size)) {
            Both x = devices.f32(3, size);
            Ops ops = devices.gpu().ops();
            Stream stream = devices.gpu().stream();
            double expected = devices.cpu().ops().sumOfSquares(devices.cpu().stream(), x.cpu());
            assertThat(ops.sumOfSquares(stream, x.gpu())).isCloseTo(expected,
                    Percentage.withPercentage(1e-6));
            Both y = devices.f32(1, size);
            onBoth(devices, (o, s, gpu) -> o.add(s, side(x, gpu), side(y, gpu)));
            assertThat(BothDevices.error(y)).isZero();
            try (CudaTensor half = devices.gpu().allocateCuda(DType.BF16, size)) {
                ops.copy(stream, y.gpu(), half);
                double[] exact = BothDevices.values(y.gpu());
                double[] rounded = BothDevices.values(half);
                for (int i = 0; i < size; i++) {
                    assertThat(rounded[i]).isEqualTo(BothDevices.round((float) exact[i]));
                }
                ops.fill(stream, half, -2.5f);
                assertThat(BothDevices.values(half)).containsOnly(-2.5);
            }
            ops.fill(stream, y.gpu(), Float.NaN);
            assertThat(ops.sumOfSquares(stream, y.gpu())).isNaN();
            ops.fill(stream, y.gpu(), 0);
            assertThat(ops.sumOfSquares(stream, y.gpu())).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void checksumsSeeEveryBitAndPlace(long seed) {
        try (BothDevices devices = new BothDevices(seed)) {
            Both x = devices.f32(1, 10_000);
            Ops ops = devices.gpu().ops();
            Stream stream = devices.gpu().stream();
            int before = ops.checksum(stream, x.gpu());
            assertThat(ops.checksum(stream, x.gpu())).isEqualTo(before);
            try (CudaTensor swapped = devices.gpu().allocateCuda(DType.F32, 10_000)) {
                ops.copy(stream, x.gpu().view(0, 5000), swapped.view(5000, 5000));
                ops.copy(stream, x.gpu().view(5000, 5000), swapped.view(0, 5000));
                assertThat(ops.checksum(stream, swapped)).isNotEqualTo(before);
            }
            ops.fill(stream, x.gpu().view(9999, 1), 7);
            assertThat(ops.checksum(stream, x.gpu())).isNotEqualTo(before);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12})
    void equalInputsGiveEqualBits(long seed) {
        byte[][] results = new byte[2][];
        for (int run = 0; run < 2; run++) {
            try (BothDevices devices = new BothDevices(seed)) {
                Ops ops = devices.gpu().ops();
                Stream stream = devices.gpu().stream();
                Both x = devices.activation(5000, 1024);
                Both dy = devices.activation(5000, 1024);
                Both weight = devices.f32(1, 1024);
                Both rstd = devices.f32(1, 5000);
                Both dTable = devices.f32(0, 300, 1024);
                Both ids = devices.of(devices.random().ints(5000, 0, 300).toArray());
                ops.rmsNormBackward(stream, dy.gpu(), x.gpu(), weight.gpu(), rstd.gpu(),
                        devices.activation(5000, 1024).gpu(),
                        dTable.gpu().view(0, 1024));
                ops.embeddingBackward(stream, ids.gpu(), x.gpu(), dTable.gpu());
                results[run] = BothDevices.bytes(dTable.gpu());
            }
        }
        assertThat(results[0]).isEqualTo(results[1]);
    }
}
