package io.sparsebalance.actors.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InProcessTest {
    private static final int SIZE = 10_007;
    private static final int BAD = 5_000;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() throws InterruptedException {
        threads.shutdownNow();
        assertThat(threads.awaitTermination(5, TimeUnit.SECONDS)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void everyRankEndsWithTheSumInRankOrder(int numRanks) throws Exception {
        List<Collective> collectives = InProcess.create(numRanks, Duration.ofSeconds(20));
        for (int step = 1; step <= 20; step++) {
            SplittableRandom random = new SplittableRandom(step);
            List<MemorySegment> arrays = new ArrayList<>();
            float[] expected = new float[SIZE];
            for (int rank = 0; rank < numRanks; rank++) {
                MemorySegment array = Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, SIZE);
                for (int i = 0; i < SIZE; i++) {
                    float value = (float) random.nextGaussian();
                    array.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                    expected[i] = rank == 0 ? value : expected[i] + value;
                }
                arrays.add(array);
            }
            List<Future<Long>> waits = new ArrayList<>();
            for (int rank = 0; rank < numRanks; rank++) {
                int number = rank;
                int at = step;
                waits.add(threads.submit(() -> collectives.get(number).allReduceSum(arrays.get(number), at)));
            }
            for (Future<Long> wait : waits) {
                assertThat(wait.get()).isNotNegative();
            }
            for (MemorySegment array : arrays) {
                assertThat(array.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void exactSumsAreTheSameForAnyNumberOfRanks(int numRanks) throws Exception {
        assertThat(exactSum(numRanks, Float.NaN)).isEqualTo(exactSum(1, Float.NaN)).doesNotContain(Float.NaN);
        for (float bad : new float[]{Float.POSITIVE_INFINITY, FixedPointSum.LIMIT}) {
            float[] total = exactSum(numRanks, bad);
            assertThat(total[BAD]).isNaN();
        }
    }

    /** Six arrays, dealt to the ranks; the last holds {@code bad} unless that is NaN. Every rank ends with the same. */
    private float[] exactSum(int numRanks, float bad) throws Exception {
        List<Collective> collectives = InProcess.create(numRanks, Duration.ofSeconds(20));
        List<FixedPointSum> sums = new ArrayList<>();
        List<MemorySegment> totals = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            sums.add(new FixedPointSum("test", SIZE, 1));
            totals.add(Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, SIZE));
        }
        SplittableRandom random = new SplittableRandom(7);
        for (int n = 0; n < 6; n++) {
            float[] array = new float[SIZE];
            for (int i = 0; i < SIZE; i++) {
                array[i] = (float) random.nextGaussian();
            }
            if (n == 5 && !Float.isNaN(bad)) {
                array[BAD] = bad;
            }
            sums.get(n % numRanks).addAndClear(MemorySegment.ofArray(array));
        }
        List<Future<Long>> waits = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            int number = rank;
            waits.add(threads.submit(
                    () -> collectives.get(number).allReduceExact(sums.get(number), totals.get(number), 1)));
        }
        for (Future<Long> wait : waits) {
            assertThat(wait.get()).isNotNegative();
        }
        sums.forEach(FixedPointSum::close);
        for (MemorySegment total : totals) {
            assertThat(total.mismatch(totals.getFirst())).isEqualTo(-1);
        }
        return totals.getFirst().toArray(ValueLayout.JAVA_FLOAT);
    }

    @Test
    void ranksThatReduceInDifferentWaysAreRefused() {
        List<Collective> collectives = InProcess.create(2, Duration.ofSeconds(60));
        try (FixedPointSum sum = new FixedPointSum("test", 8, 1)) {
            Future<Long> first = threads.submit(() -> collectives.get(0).allReduceSum(array(), 1));
            Future<Long> second = threads.submit(() -> collectives.get(1).allReduceExact(sum, array(), 1));
            assertThatThrownBy(first::get).hasMessageContaining("run.reduction");
            assertThatThrownBy(second::get).hasMessageContaining("run.reduction");
        }
    }

    @Test
    void aMissingRankIsNamedInBoundedTime() {
        List<Collective> collectives = InProcess.create(3, Duration.ofMillis(200));
        Future<Long> other = threads.submit(() -> collectives.get(2).allReduceSum(array(), 4));
        assertThatThrownBy(() -> collectives.get(0).allReduceSum(array(), 4)).isInstanceOf(CollectiveException.class)
                .hasMessageContaining("rank [1]").hasMessageContaining("step 4");
        assertThatThrownBy(other::get).hasCauseInstanceOf(CollectiveException.class);
    }

    @Test
    void anAbortWakesTheWaitingAndStaysInForce() throws Exception {
        List<Collective> collectives = InProcess.create(2, Duration.ofSeconds(60));
        CountDownLatch entering = new CountDownLatch(1);
        Future<Long> waiting = threads.submit(() -> {
            entering.countDown();
            return collectives.get(0).allReduceSum(array(), 1);
        });
        entering.await();
        collectives.get(1).abort(new IllegalStateException("rank 1 is gone"));
        assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS)).hasCauseInstanceOf(CollectiveException.class)
                .hasMessageContaining("rank 1 is gone");
        assertThatThrownBy(() -> collectives.get(1).allReduceSum(array(), 1)).hasMessageContaining("rank 1 is gone");
    }

    @Test
    void ranksInDifferentStepsAreRefused() {
        List<Collective> collectives = InProcess.create(2, Duration.ofSeconds(60));
        Future<Long> first = threads.submit(() -> collectives.get(0).allReduceSum(array(), 1));
        Future<Long> second = threads.submit(() -> collectives.get(1).allReduceSum(array(), 2));
        assertThatThrownBy(first::get).hasMessageContaining("step");
        assertThatThrownBy(second::get).hasMessageContaining("step");
    }

    private static MemorySegment array() {
        return Arena.ofAuto().allocate(ValueLayout.JAVA_FLOAT, 8);
    }
}
