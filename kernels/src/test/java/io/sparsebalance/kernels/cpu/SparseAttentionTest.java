package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.AttentionSetting.assertClose;
import static io.sparsebalance.kernels.cpu.AttentionSetting.doubles;
import static io.sparsebalance.kernels.cpu.AttentionSetting.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SparseAttentionTest {
    private static final int[] NONE = {};

    static Stream<Arguments> cases() {
        return Stream.of(
                // heads, kv heads, head size, block, tile, sinks, locals, lengths, budget
                Arguments.of(new AttentionShape(2, 1, 64, 32, 32, 0, 0), List.of(200), 2),
                Arguments.of(new AttentionShape(4, 2, 64, 64, 64, 0, 0), List.of(330, 17), 2),
                Arguments.of(new AttentionShape(2, 2, 128, 32, 64, 1, 1), List.of(301), 5),
                Arguments.of(new AttentionShape(8, 1, 24, 32, 16, 0, 0), List.of(150, 1, 2), 3),
                Arguments.of(new AttentionShape(3, 1, 8, 64, 16, 1, 0), List.of(257), 2),
                Arguments.of(new AttentionShape(6, 2, 40, 32, 128, 0, 2), List.of(290, 31, 33), 6),
                Arguments.of(new AttentionShape(2, 1, 96, 128, 48, 0, 0), List.of(400), 2),
                Arguments.of(new AttentionShape(1, 1, 256, 256, 64, 0, 0), List.of(300), 1),
                Arguments.of(new AttentionShape(2, 1, 32, 32, 32, 0, 0), List.of(1, 1, 5, 64, 65), 1),
                Arguments.of(new AttentionShape(4, 2, 32, 32, 32, 0, 0), List.of(260), 100));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void forwardAndBackwardAgreeWithTheScalarReference(AttentionShape shape, List<Integer> lengths, int budget) {
        Packing documents = Packing.ofLengths(lengths);
        try (AttentionSetting setting = new AttentionSetting(shape, documents, 1, 7)) {
            ScalarAttention scalar = setting.scalar().route(budget);
            setting.run(budget);
            assertThat(setting.selectedPairs).isEqualTo(scalar.selectedPairs());
            assertClose(floats(setting.out), scalar.forward());
            double[][] gradients = scalar.backward(doubles(setting.dOut));
            assertClose(floats(setting.dq), gradients[0]);
            assertClose(floats(setting.dk), gradients[1]);
            assertClose(floats(setting.dv), gradients[2]);
        }
    }

    @Test
    void theReferenceItselfAgreesWithCentralDifferences() {
        AttentionShape shape = new AttentionShape(2, 1, 8, 32, 16, 0, 0);
        Packing documents = Packing.ofLengths(List.of(70));
        try (AttentionSetting setting = new AttentionSetting(shape, documents, 1, 3)) {
            ScalarAttention scalar = setting.scalar().route(2);
            double[] dOut = doubles(setting.dOut);
            double[][] gradients = scalar.backward(dOut);
            double[][] inputs = {scalar.q, scalar.k, scalar.v};
            SplittableRandom random = new SplittableRandom(5);
            for (int i = 0; i < 60; i++) {
                double[] input = inputs[i % 3];
                int at = random.nextInt(input.length);
                double before = input[at];
                input[at] = before + 1e-5;
                double up = dot(scalar.forward(), dOut);
                input[at] = before - 1e-5;
                double down = dot(scalar.forward(), dOut);
                input[at] = before;
                assertThat(gradients[i % 3][at]).isCloseTo((up - down) / 2e-5,
                        org.assertj.core.data.Offset.offset(1e-7));
            }
        }
    }

    @Test
    void aBudgetThatCoversTheContextIsDenseAttention() {
        AttentionShape shape = new AttentionShape(4, 2, 64, 64, 64, 0, 0);
        try (AttentionSetting setting = new AttentionSetting(shape, Packing.ofLengths(List.of(500, 40)), 1, 11)) {
            setting.run(8);
            assertClose(floats(setting.out), setting.scalar().dense().forward());
            assertThat(setting.selectedPairs).isEqualTo(setting.documents.causalPairs());
            assertThat(setting.coverage[1]).isEqualTo(1.0);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bitsDoNotDependOnTheNumberOfThreads(AttentionShape shape, List<Integer> lengths, int budget) {
        Packing documents = Packing.ofLengths(lengths);
        try (AttentionSetting one = new AttentionSetting(shape, documents, 1, 7);
                AttentionSetting three = new AttentionSetting(shape, documents, 3, 7)) {
            one.run(budget);
            three.run(budget);
            assertThat(floats(three.out)).isEqualTo(floats(one.out));
            assertThat(floats(three.dq)).isEqualTo(floats(one.dq));
            assertThat(floats(three.dk)).isEqualTo(floats(one.dk));
            assertThat(floats(three.dv)).isEqualTo(floats(one.dv));
        }
    }

    @Test
    void longDocumentsWhoseBackwardIsSplitAgreeForAnyThreads() {
        AttentionShape shape = new AttentionShape(1, 1, 8, 32, 16, 1, 1);
        Packing documents = Packing.ofLengths(List.of(3001, 50));
        try (AttentionSetting one = new AttentionSetting(shape, documents, 1, 7);
                AttentionSetting two = new AttentionSetting(shape, documents, 2, 7)) {
            one.run(4);
            two.run(4);
            assertThat(floats(two.dk)).isEqualTo(floats(one.dk));
            double[][] gradients = one.scalar().route(4).backward(doubles(one.dOut));
            assertClose(floats(one.dk), gradients[1]);
            assertClose(floats(one.dv), gradients[2]);
        }
    }

    @Test
    void changingOneDocumentLeavesTheBitsOfAnother() {
        AttentionShape shape = new AttentionShape(4, 2, 32, 32, 32, 0, 0);
        Packing documents = Packing.ofLengths(List.of(150, 170));
        try (AttentionSetting plain = new AttentionSetting(shape, documents, 1, 7);
                AttentionSetting changed = new AttentionSetting(shape, documents, 1, 7)) {
            for (Tensor tensor : List.of(changed.q, changed.k, changed.v, changed.dOut)) {
                tensor.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 40, 30f);
            }
            plain.run(3);
            changed.run(3);
            int from = 150 * 4 * 32;
            assertThat(tail(changed.out, from)).isEqualTo(tail(plain.out, from));
            assertThat(tail(changed.dq, from)).isEqualTo(tail(plain.dq, from));
            assertThat(tail(changed.dk, from / 2)).isEqualTo(tail(plain.dk, from / 2));
            assertThat(floats(changed.out)).isNotEqualTo(floats(plain.out));
        }
    }

    @Test
    void equalScoresKeepTheLowerBlock() {
        AttentionShape shape = new AttentionShape(1, 1, 8, 32, 32, 0, 0);
        Packing documents = Packing.ofLengths(List.of(32 * 6));
        try (CpuDevice device = new CpuDevice(1);
                Tensor zero = device.allocate(DType.F32, documents.numTokens(), 1, 8);
                BlockLists lists = device.attention(shape).route(device.stream(), zero, zero, documents, 3, NONE)) {
            CpuBlockLists cpu = (CpuBlockLists) lists;
            assertThat(cpu.to(0, 5) - cpu.from(0, 5)).isEqualTo(3);
            assertThat(cpu.block(cpu.from(0, 5))).isEqualTo(0);
            assertThat(cpu.block(cpu.from(0, 5) + 1)).isEqualTo(1);
            assertThat(cpu.block(cpu.from(0, 5) + 2)).isEqualTo(5);
        }
    }

    @Test
    void coverageGrowsWithTheBudgetToOne() {
        AttentionShape shape = new AttentionShape(2, 1, 32, 32, 32, 1, 1);
        Packing documents = Packing.ofLengths(List.of(700, 90));
        try (AttentionSetting setting = new AttentionSetting(shape, documents, 1, 21);
                BlockLists lists = setting.device.attention(shape).route(setting.device.stream(), setting.q, setting.k,
                        documents,
                        4, new int[]{1, 2, 4, 8, 16, 64})) {
            double[] coverage = lists.coverage();
            for (int i = 1; i < coverage.length; i++) {
                assertThat(coverage[i]).isGreaterThanOrEqualTo(coverage[i - 1]);
            }
            assertThat(coverage[0]).isBetween(0.0, 1.0);
            assertThat(coverage[5]).isEqualTo(1.0);
        }
    }

    @Test
    void wrongArgumentsAreNamed() {
        AttentionShape shape = new AttentionShape(2, 1, 8, 32, 16, 0, 0);
        Packing documents = Packing.ofLengths(List.of(20));
        try (CpuDevice device = new CpuDevice(1); Tensor q = device.allocate(DType.F32, 20, 2, 8)) {
            SparseAttention attention = device.attention(shape);
            assertThatThrownBy(() -> attention.route(device.stream(), q, q, documents, 0, NONE))
                    .hasMessageContaining("budget 0");
            assertThatThrownBy(() -> attention.route(device.stream(), q, q, documents, 1, NONE))
                    .hasMessageContaining("route: k")
                    .hasMessageContaining("[20, 2, 8]");
        }
    }

    private static float[] tail(Tensor tensor, int from) {
        float[] all = floats(tensor);
        return java.util.Arrays.copyOfRange(all, from, all.length);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }
}
