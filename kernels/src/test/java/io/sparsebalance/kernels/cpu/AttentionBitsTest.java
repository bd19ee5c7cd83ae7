package io.sparsebalance.kernels.cpu;

import static io.sparsebalance.kernels.cpu.AttentionSetting.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.AttentionShape;
import io.sparsebalance.kernels.BlockLists;
import io.sparsebalance.kernels.Packing;
import io.sparsebalance.kernels.SparseAttention;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What results depend on, bit for bit, and what extreme numbers do. */
class AttentionBitsTest {
    private static final AttentionShape SHAPE = new AttentionShape(4, 2, 24, 32, 16, 1, 0);
    private static final int LONG = 4100;

    @Test
    void aDocumentHasTheSameBitsAloneAndPackedWithOthers() {
        Packing alone = Packing.ofLengths(List.of(LONG));
        Packing packed = Packing.ofLengths(List.of(77, LONG, 300));
        try (AttentionSetting one = new AttentionSetting(SHAPE, alone, 1, 5);
                AttentionSetting many = new AttentionSetting(SHAPE, packed, 2, 6)) {
            copy(one.q, many.q, 77, 4);
            copy(one.k, many.k, 77, 2);
            copy(one.v, many.v, 77, 2);
            copy(one.dOut, many.dOut, 77, 4);
            one.run(6);
            many.run(6);
            assertThat(slice(many.out, 77, 4)).isEqualTo(floats(one.out));
            assertThat(slice(many.dq, 77, 4)).isEqualTo(floats(one.dq));
            assertThat(slice(many.dk, 77, 2)).isEqualTo(floats(one.dk));
            assertThat(slice(many.dv, 77, 2)).isEqualTo(floats(one.dv));
        }
    }

    @Test
    void limitsOnScratchChangeNoBit() {
        Packing documents = Packing.ofLengths(List.of(3000, 70));
        try (AttentionSetting roomy = new AttentionSetting(SHAPE, documents, 1, 5);
                AttentionSetting tight = new AttentionSetting(SHAPE, documents, 1, 5);
                WorkerPool workers = new WorkerPool("tight", 2)) {
            roomy.run(6);
            tight.run(new CpuSparseAttention(SHAPE, workers, 1, 1), 6);
            assertThat(floats(tight.out)).isEqualTo(floats(roomy.out));
            assertThat(floats(tight.dq)).isEqualTo(floats(roomy.dq));
            assertThat(floats(tight.dk)).isEqualTo(floats(roomy.dk));
            assertThat(floats(tight.dv)).isEqualTo(floats(roomy.dv));
        }
    }

    @Test
    void smallAfterLargeBatchesUseNoOldScratch() {
        Packing small = Packing.ofLengths(List.of(5, 33, 1));
        try (AttentionSetting fresh = new AttentionSetting(SHAPE, small, 1, 5);
                AttentionSetting used = new AttentionSetting(SHAPE, small, 1, 5);
                AttentionSetting large = new AttentionSetting(SHAPE, Packing.ofLengths(List.of(700)), 1, 9)) {
            large.q.segment().fill((byte) 0xff);
            large.k.segment().fill((byte) 0xff);
            large.v.segment().fill((byte) 0xff);
            SparseAttention attention = used.device.attention(SHAPE);
            try (BlockLists lists = attention.route(used.device.stream(), large.q, large.k, large.documents, 4,
                    new int[0])) {
                attention.forward(used.device.stream(), large.q, large.k, large.v, lists, large.out, large.logSumExp);
                attention.backward(used.device.stream(), large.q, large.k, large.v, large.out, large.dOut,
                        large.logSumExp, lists, large.dq, large.dk, large.dv);
            }
            fresh.run(2);
            used.run(2);
            assertThat(floats(used.out)).isEqualTo(floats(fresh.out));
            assertThat(floats(used.dq)).isEqualTo(floats(fresh.dq));
            assertThat(floats(used.dk)).isEqualTo(floats(fresh.dk));
            assertThat(floats(used.dv)).isEqualTo(floats(fresh.dv));
        }
    }

    @Test
    void hugeScoresGiveFiniteResults() {
        try (AttentionSetting setting = new AttentionSetting(SHAPE, Packing.ofLengths(List.of(150)), 1, 5)) {
            for (int i = 0; i < setting.q.size(); i++) {
                float q = setting.q.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
                setting.q.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, q * 1e6f);
            }
            setting.run(3);
            for (Tensor tensor : List.of(setting.out, setting.logSumExp, setting.dq, setting.dk, setting.dv)) {
                for (float value : floats(tensor)) {
                    assertThat(value).isFinite();
                }
            }
        }
    }

    @Test
    void notANumberInAKeyReachesEveryRowThatSeesIt() {
        try (AttentionSetting setting = new AttentionSetting(SHAPE, Packing.ofLengths(List.of(40)), 1, 5)) {
            setting.k.segment().setAtIndex(ValueLayout.JAVA_FLOAT, 10L * 2 * 24, Float.NaN);
            setting.run(100);
            float[] out = floats(setting.out);
            for (int token = 0; token < 40; token++) {
                assertThat(Float.isNaN(out[token * 4 * 24])).as("token %d", token).isEqualTo(token >= 10);
            }
        }
    }

    @Test
    void closedListsAndListsOfAnotherShapeAreRefused() {
        AttentionShape other = new AttentionShape(4, 2, 24, 64, 16, 1, 0);
        try (AttentionSetting setting = new AttentionSetting(SHAPE, Packing.ofLengths(List.of(40)), 1, 5)) {
            SparseAttention attention = setting.device.attention(SHAPE);
            BlockLists lists = attention.route(setting.device.stream(), setting.q, setting.k, setting.documents, 3,
                    new int[0]);
            assertThatThrownBy(() -> setting.device.attention(other).forward(setting.device.stream(), setting.q,
                    setting.k, setting.v, lists, setting.out, setting.logSumExp))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("block=64");
            lists.close();
            assertThatThrownBy(() -> attention.forward(setting.device.stream(), setting.q, setting.k, setting.v, lists,
                    setting.out, setting.logSumExp)).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("close");
        }
    }

    @Test
    void coverageBudgetsThatFallAreRefused() {
        try (AttentionSetting setting = new AttentionSetting(SHAPE, Packing.ofLengths(List.of(40)), 1, 5)) {
            assertThatThrownBy(() -> setting.device.attention(SHAPE).route(setting.device.stream(), setting.q,
                    setting.k, setting.documents, 3, new int[]{4, 2}))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("[4, 2]");
        }
    }

    private static void copy(Tensor from, Tensor to, int token, int heads) {
        long offset = (long) token * heads * SHAPE.headSize() * Float.BYTES;
        MemorySegment.copy(from.segment(), 0, to.segment(), offset, from.bytes());
    }

    private static float[] slice(Tensor tensor, int token, int heads) {
        int row = heads * SHAPE.headSize();
        return Arrays.copyOfRange(floats(tensor), token * row, (token + LONG) * row);
    }
}
