package io.sparsebalance.actors.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.actors.collective.InProcess;
import io.sparsebalance.actors.rank.OwnThreads;
import io.sparsebalance.engine.GradientRange;
import io.sparsebalance.kernels.DType;
import io.sparsebalance.kernels.Device;
import io.sparsebalance.kernels.DeviceSettings;
import io.sparsebalance.kernels.Devices;
import io.sparsebalance.kernels.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ObjIntConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pieces of a gradient that are reduced while others are not final. */
@Timeout(60)
class BucketedReductionTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final int SIZE = 7_000;
    private static final long BUCKET_BYTES = 2048 * Float.BYTES;
    /** Two layers, norms behind them, an embedding before. */
    private static final List<GradientRange> ORDER = List.of(new GradientRange(4_000, 6_500),
            new GradientRange(1_500, 4_000), new GradientRange(6_500, SIZE), new GradientRange(0, 1_500));

    /** A rank, whose gradient is made by the test. */
    private static final class Rank implements AutoCloseable {
        private final Device device = Devices.open("cpu", DeviceSettings.ofThreads(1));
        private final Tensor gradients = device.allocate(DType.F32, SIZE);
        private final GradientReduction reduction;

        Rank(boolean exact, Collective collective) {
            PieceReduction pieces = exact
                    ? new ExactReduction(device, collective, SIZE, 1)
                    : new FastReduction(device, collective, false);
            reduction = new BucketedReduction(pieces, gradients, new Buckets(ORDER, BUCKET_BYTES));
        }

        void microBatch(float value, Runnable afterFirstLayer) {
            reduction.microBatchBegins();
            add(ORDER.get(0), value);
            reduction.complete(gradients, ORDER.get(0));
            afterFirstLayer.run();
            for (GradientRange range : ORDER.subList(1, ORDER.size())) {
                add(range, value);
            }
            reduction.complete(gradients, ORDER.get(1));
            reduction.microBatchEnded(gradients);
        }

        private void add(GradientRange range, float value) {
            MemorySegment floats = gradients.segment();
            for (long i = range.from(); i < range.to(); i++) {
                floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, floats.getAtIndex(ValueLayout.JAVA_FLOAT, i) + value);
            }
        }

        float at(long index) {
            return gradients.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
        }

        float[] values() {
            return gradients.segment().toArray(ValueLayout.JAVA_FLOAT);
        }

        void zero() {
            gradients.segment().fill((byte) 0);
        }

        @Override
        public void close() {
            try (device; gradients; reduction) {
                // In reverse order.
            }
        }
    }

    private static OwnThreads<Rank> ranks(int count, Function<Integer, Rank> opener) {
        return new OwnThreads<>("ranks", "reducing", count, opener::apply);
    }

    private static void both(OwnThreads<Rank> ranks, int count, ObjIntConsumer<Rank> work) {
        List<Future<Object>> running = IntStream.range(0, count).mapToObj(i -> ranks.start(i, () -> {
            work.accept(ranks.get(i), i);
            return null;
        })).toList();
        running.forEach(ranks::join);
    }

    @Test
    void laterLayersComeFirstAndEveryElementOnce() {
        Buckets buckets = new Buckets(ORDER, BUCKET_BYTES);
        assertThat(buckets.inOrder()).containsExactly(new GradientRange(4_096, 6_144), new GradientRange(2_048, 4_096),
                new GradientRange(6_144, SIZE), new GradientRange(0, 2_048));
        buckets.restart();
        buckets.complete(ORDER.get(0));
        assertThat(buckets.numFinal()).isEqualTo(1);
        buckets.complete(ORDER.get(1));
        assertThat(buckets.numFinal()).isEqualTo(2);
        buckets.complete(ORDER.get(3));
        assertThat(buckets.numFinal()).isEqualTo(2);
        buckets.complete(ORDER.get(2));
        assertThat(buckets.numFinal()).isEqualTo(4);
        buckets.restart();
        assertThat(buckets.numFinal()).isZero();
        buckets.completeAll();
        assertThat(buckets.numFinal()).isEqualTo(4);
    }

    /** One rank knows its last micro-batch before it runs, one in the middle of it, one has none, one is not told. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whenARankBeginsChangesNothing(boolean exact) {
        List<Collective> collectives = InProcess.create(4, LONG);
        try (OwnThreads<Rank> ranks = ranks(4, i -> new Rank(exact, collectives.get(i)))) {
            for (int step = 1; step <= 3; step++) {
                long number = step;
                both(ranks, 4, (rank, i) -> {
                    rank.zero();
                    switch (i) {
                        case 0 -> {
                            rank.microBatch(1, () -> {});
                            rank.reduction.lastMicroBatch(number, 2);
                            rank.microBatch(2, () -> {});
                        }
                        case 1 -> rank.microBatch(4, () -> rank.reduction.lastMicroBatch(number, 1));
                        case 2 -> rank.reduction.lastMicroBatch(number, 0);
                        default -> {
                            rank.microBatch(8, () -> {});
                            rank.microBatch(16, () -> {});
                        }
                    }
                    assertThat(rank.reduction.reduce(rank.gradients, number)).isNotNegative();
                });
                for (int i = 0; i < 4; i++) {
                    assertThat(ranks.get(i).values()).as("rank " + i + ", step " + step).containsOnly(31);
                }
            }
        }
    }

    @Test
    void aLayerIsReducedWhileEarlierOnesGoOn() {
        List<Collective> collectives = InProcess.create(2, LONG);
        try (OwnThreads<Rank> ranks = ranks(2, i -> new Rank(false, collectives.get(i)))) {
            both(ranks, 2, (rank, i) -> {
                if (i == 1) {
                    rank.reduction.lastMicroBatch(1, 1);
                }
                rank.microBatch(1 + i, () -> {
                    if (i == 1) {
                        // The other rank is done; the sum of what this one has done comes before it goes on.
                        awaitValue(rank, 5_000, 3);
                        assertThat(rank.at(6_000)).isEqualTo(3);
                        assertThat(rank.at(4_000)).as("of a piece that the next layer is in").isEqualTo(2);
                    } else {
                        rank.reduction.lastMicroBatch(1, 1);
                    }
                });
                rank.reduction.reduce(rank.gradients, 1);
                assertThat(rank.values()).containsOnly(3);
            });
        }
    }

    private static void awaitValue(Rank rank, long index, float value) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (rank.at(index) != value) {
            assertThat(System.nanoTime()).as("element " + index + " is " + rank.at(index)).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void aStepThatIsDroppedLeavesNothingBehind() {
        List<Collective> first = InProcess.create(2, LONG);
        try (OwnThreads<Rank> ranks = ranks(2, i -> new Rank(true, first.get(i)))) {
            ranks.join(ranks.start(0, () -> {
                Rank rank = ranks.get(0);
                rank.reduction.lastMicroBatch(1, 1);
                rank.microBatch(5, () -> {});
                first.get(0).abort(new IllegalStateException("rank 1 was lost"));
                rank.reduction.drop();
                rank.microBatch(5, () -> {});
                assertThatThrownBy(() -> rank.reduction.reduce(rank.gradients, 1))
                        .isInstanceOf(CollectiveException.class).hasMessageContaining("rank 1 was lost");
                rank.reduction.drop();
                return null;
            }));
        }
    }

    /** Pieces that cannot be reduced for a reason of this rank's own. */
    private record Broken(PieceReduction pieces, CountDownLatch begun) implements PieceReduction {
        @Override
        public void take(Tensor gradients, GradientRange piece) {
            pieces.take(gradients, piece);
        }

        @Override
        public long reduce(Tensor gradients, GradientRange piece, long step) {
            begun.countDown();
            throw new IllegalStateException("no sum");
        }

        @Override
        public void end() {
            pieces.end();
        }

        @Override
        public void drop() {
            pieces.drop();
        }

        @Override
        public long bytes() {
            return pieces.bytes();
        }

        @Override
        public void close() {
            pieces.close();
        }
    }

    @Test
    void aFailureOfItsOwnIsToldWhenTheStepIsDropped() throws InterruptedException {
        List<Collective> alone = InProcess.create(1, LONG);
        CountDownLatch begun = new CountDownLatch(1);
        try (Device device = Devices.open("cpu", DeviceSettings.ofThreads(1));
                Tensor gradients = device.allocate(DType.F32, SIZE);
                BucketedReduction reduction = new BucketedReduction(
                        new Broken(new FastReduction(device, alone.getFirst(), true), begun), gradients,
                        new Buckets(ORDER, BUCKET_BYTES))) {
            reduction.lastMicroBatch(1, 0);
            assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
            assertThatThrownBy(reduction::drop).isInstanceOf(IllegalStateException.class).hasMessage("no sum");
            reduction.drop();
        }
    }

    @Test
    void aMicroBatchAfterTheLastIsAnError() {
        List<Collective> alone = InProcess.create(1, LONG);
        try (Rank rank = new Rank(false, alone.getFirst())) {
            rank.reduction.lastMicroBatch(1, 1);
            rank.microBatch(1, () -> {});
            assertThatThrownBy(() -> rank.reduction.microBatchBegins()).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after the last one of step 1");
        }
    }
}
