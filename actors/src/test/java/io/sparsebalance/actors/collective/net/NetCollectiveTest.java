package io.sparsebalance.actors.collective.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.actors.collective.Collective;
import io.sparsebalance.actors.collective.CollectiveException;
import io.sparsebalance.kernels.cpu.FixedPointSum;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(120)
class NetCollectiveTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final int STEPS = 4;

    /** Sizes: less than ranks, no multiple of anything, several chunks for each rank. */
    @ParameterizedTest
    @CsvSource({"1, 1000", "2, 1", "2, 10007", "3, 2", "3, 600011", "4, 70001", "5, 330007"})
    void everyRankEndsWithTheSumInRankOrder(int numRanks, int size) throws Exception {
        try (Planes planes = new Planes(numRanks)) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            for (int step = 1; step <= STEPS; step++) {
                List<MemorySegment> arrays = new ArrayList<>();
                float[] expected = new float[size];
                for (int rank = 0; rank < numRanks; rank++) {
                    float[] values = gaussians(step * 31L + rank, size);
                    for (int i = 0; i < size; i++) {
                        expected[i] = rank == 0 ? values[i] : expected[i] + values[i];
                    }
                    arrays.add(Planes.floats(values));
                }
                int at = step;
                List<Long> waits = planes.all(numRanks,
                        rank -> () -> collectives.get(rank).allReduceSum(arrays.get(rank), at));
                assertThat(waits).allMatch(wait -> wait >= 0 && wait <= LONG.toNanos());
                for (MemorySegment array : arrays) {
                    assertThat(array.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1000", "2, 10", "3, 20011", "4, 2048", "5, 100003"})
    void exactSumsAreTheSameForAnyNumberOfRanks(int numRanks, int size) throws Exception {
        float[] alone = exactSum(1, size, -1);
        assertThat(exactSum(numRanks, size, -1)).isEqualTo(alone);
        float[] poisoned = exactSum(numRanks, size, size - 1);
        assertThat(poisoned[size - 1]).isNaN();
    }

    /** Seven arrays, dealt to the ranks; one holds an infinity at {@code bad} unless that is -1. */
    private static float[] exactSum(int numRanks, int size, int bad) throws Exception {
        try (Planes planes = new Planes(numRanks)) {
            List<Collective> collectives = planes.joinAll(3, LONG);
            List<FixedPointSum> sums = new ArrayList<>();
            List<MemorySegment> totals = new ArrayList<>();
            for (int rank = 0; rank < numRanks; rank++) {
                sums.add(new FixedPointSum("test", size, 1));
                totals.add(Planes.floats(new float[size]));
            }
            for (int bucket = 0; bucket < 2; bucket++) {
                for (int n = 0; n < 7; n++) {
                    float[] values = gaussians(n, size);
                    for (int i = 0; bucket == 0 && i < size; i++) {
                        // Small enough to be packed; those of the other bucket are not.
                        values[i] *= 1e-3f;
                    }
                    if (n == 3 && bad >= 0) {
                        values[bad] = Float.NEGATIVE_INFINITY;
                    }
                    sums.get(n % numRanks).addAndClear(MemorySegment.ofArray(values));
                }
                planes.all(numRanks,
                        rank -> () -> collectives.get(rank).allReduceExact(sums.get(rank), totals.get(rank), 9));
                sums.forEach(FixedPointSum::clear);
            }
            sums.forEach(FixedPointSum::close);
            for (MemorySegment total : totals) {
                assertThat(total.mismatch(totals.getFirst())).isEqualTo(-1);
            }
            return totals.getFirst().toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @Test
    void aRankThatDoesNotComeIsNamedByAll() throws Exception {
        try (Planes planes = new Planes(3)) {
            List<Collective> collectives = planes.joinAll(1, Duration.ofMillis(400));
            Future<Long> other = planes.start(() -> collectives.get(2).allReduceSum(array(), 4));
            assertThatThrownBy(() -> collectives.get(0).allReduceSum(array(), 4)).satisfies(e -> blames(e, 1))
                    .hasMessageContaining("step 4");
            blames(Planes.failure(other), 1);
        }
    }

    /** Nobody listens, or somebody does and never says a word. */
    @Test
    void aRankThatCannotBeReachedIsNamedInBoundedTime() throws Exception {
        try (Planes planes = new Planes(1); ServerSocket silent = socket()) {
            for (int port : new int[]{silent.getLocalPort(), freePort()}) {
                Group group = new Group("run of " + port, 1, 0,
                        List.of(planes.plane(0).endpoint(), new Endpoint("127.0.0.1", port)));
                try (Collective alone = planes.plane(0).join(group, Duration.ofMillis(300))) {
                    assertThatThrownBy(() -> alone.allReduceSum(array(), 1)).satisfies(e -> blames(e, 1))
                            .hasMessageContaining("127.0.0.1:" + port);
                }
            }
        }
    }

    private static ServerSocket socket() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = socket()) {
            return socket.getLocalPort();
        }
    }

    @Test
    void anAbortWakesTheOthersWithItsReasonAndStaysInForce() throws Exception {
        try (Planes planes = new Planes(3)) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            planes.all(3, rank -> () -> collectives.get(rank).allReduceSum(array(), 1));
            CountDownLatch entering = new CountDownLatch(2);
            List<Future<Long>> waiting = new ArrayList<>();
            for (int rank : new int[]{0, 2}) {
                waiting.add(planes.start(() -> {
                    entering.countDown();
                    return collectives.get(rank).allReduceSum(array(), 2);
                }));
            }
            entering.await();
            collectives.get(1).abort(new IllegalStateException("device caught fire"));
            for (Future<Long> one : waiting) {
                Throwable failure = Planes.failure(one);
                blames(failure, 1);
                assertThat(failure).hasMessageContaining("device caught fire");
            }
            assertThatThrownBy(() -> collectives.get(1).allReduceSum(array(), 2))
                    .isInstanceOf(CollectiveException.class).hasMessageContaining("device caught fire");
            assertThatThrownBy(() -> collectives.get(0).allReduceSum(array(), 3)).satisfies(e -> blames(e, 1));
        }
    }

    /** The farewell is behind megabytes that are on their way, and both connections end at once. */
    @Test
    void aRankThatGivesUpWhileItSendsIsNotTakenForLost() throws Exception {
        MemorySegment large = Planes.floats(new float[4 << 20]);
        MemorySegment same = Planes.floats(new float[4 << 20]);
        try (Planes planes = new Planes(2)) {
            for (int generation = 1; generation <= 20; generation++) {
                List<Collective> collectives = planes.joinAll(generation, LONG);
                planes.all(2, rank -> () -> collectives.get(rank).allReduceSum(array(), 1));
                Future<Long> waiting = planes.start(() -> collectives.get(0).allReduceSum(large, 2));
                Future<Long> sending = planes.start(() -> collectives.get(1).allReduceSum(same, 2));
                collectives.get(1).abort(new IllegalStateException("device caught fire"));
                assertThat(Planes.failure(waiting)).hasMessageContaining("gave up: device caught fire");
                assertThat(Planes.failure(sending)).hasMessageContaining("device caught fire");
            }
        }
    }

    /** It gives up while nobody listens to it yet. */
    @Test
    void aRankThatGivesUpBeforeTheOtherComesSaysSoWhenItComes() throws Exception {
        try (Planes planes = new Planes(2)) {
            for (int generation = 1; generation <= 5; generation++) {
                Collective early = planes.join(generation, 0, LONG);
                early.abort(new IllegalStateException("device caught fire"));
                Collective late = planes.join(generation, 1, LONG);
                assertThatThrownBy(() -> late.allReduceSum(array(), 1)).satisfies(e -> blames(e, 0))
                        .hasMessageContaining("device caught fire");
            }
        }
    }

    @Test
    void aRankWhoseProcessEndsIsNamed() throws Exception {
        try (Planes planes = new Planes(3)) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            planes.all(3, rank -> () -> collectives.get(rank).allReduceSum(array(), 1));
            Future<Long> waiting = planes.start(() -> collectives.get(0).allReduceSum(array(), 2));
            planes.plane(2).close();
            blames(Planes.failure(waiting), 2);
        }
    }

    @Test
    void aGenerationThatIsOverIsRefusedAndCounted() throws Exception {
        try (Planes planes = new Planes(2)) {
            Collective next = planes.join(2, 0, LONG);
            Collective stale = planes.join(1, 1, LONG);
            assertThatThrownBy(() -> stale.allReduceSum(array(), 7)).satisfies(e -> blames(e, 0))
                    .hasMessageContaining("generation 1 of run run-1 is over");
            assertThat(planes.plane(0).numStale()).isPositive();
            Collective renewed = planes.join(2, 1, LONG);
            planes.all(2, rank -> () -> (rank == 0 ? next : renewed).allReduceSum(array(), 7));
            assertThatThrownBy(() -> planes.join(2, 1, LONG)).isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after generation 2");
        }
    }

    @Test
    void aNewGenerationGoesOnWithoutTheLostRank() throws Exception {
        try (Planes planes = new Planes(3)) {
            List<Collective> first = planes.joinAll(1, Duration.ofMillis(300));
            assertThatThrownBy(() -> first.get(0).allReduceSum(array(), 1)).isInstanceOf(CollectiveException.class);
            List<Endpoint> left = List.of(planes.plane(0).endpoint(), planes.plane(2).endpoint());
            List<Collective> second = List.of(planes.plane(0).join(new Group(Planes.RUN, 2, 0, left), LONG),
                    planes.plane(2).join(new Group(Planes.RUN, 2, 1, left), LONG));
            planes.all(2, rank -> () -> second.get(rank).allReduceSum(array(), 1));
        }
    }

    @Test
    void ranksThatDoNotAgreeAreRefused() throws Exception {
        try (Planes planes = new Planes(2); FixedPointSum sum = new FixedPointSum("test", 8, 1)) {
            List<Collective> steps = planes.joinAll(1, LONG);
            disagree(planes, planes.start(() -> steps.get(0).allReduceSum(array(), 1)),
                    planes.start(() -> steps.get(1).allReduceSum(array(), 2)), "step");
            List<Collective> kinds = planes.joinAll(2, LONG);
            disagree(planes, planes.start(() -> kinds.get(0).allReduceSum(array(), 1)),
                    planes.start(() -> kinds.get(1).allReduceExact(sum, array(), 1)), "run.reduction");
            List<Collective> sizes = planes.joinAll(3, LONG);
            disagree(planes, planes.start(() -> sizes.get(0).allReduceSum(array(), 1)),
                    planes.start(() -> sizes.get(1).allReduceSum(Planes.floats(new float[9]), 1)), "elements");
        }
    }

    private static void disagree(Planes planes, Future<?> one, Future<?> other, String why) throws Exception {
        assertThat(Planes.failure(one)).isInstanceOf(CollectiveException.class).hasMessageContaining(why);
        assertThat(Planes.failure(other)).isInstanceOf(CollectiveException.class).hasMessageContaining(why);
        assertThat(planes.plane(0).numMalformed() + planes.plane(1).numMalformed()).isZero();
    }

    @Test
    void theWaitIsForTheLastToEnter() throws Exception {
        try (Planes planes = new Planes(2)) {
            List<Collective> collectives = planes.joinAll(1, LONG);
            CountDownLatch entered = new CountDownLatch(1);
            Future<Long> early = planes.start(() -> {
                entered.countDown();
                return collectives.get(0).allReduceSum(array(), 1);
            });
            entered.await();
            Future<Long> late = planes.start(() -> {
                long until = System.nanoTime() + 100_000_000;
                while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                }
                return collectives.get(1).allReduceSum(array(), 1);
            });
            assertThat(early.get()).isGreaterThan(50_000_000);
            assertThat(late.get()).isLessThan(early.get());
        }
    }

    private static void blames(Throwable failure, int rank) {
        assertThat(failure).isInstanceOf(CollectiveException.class).hasMessageContaining("rank " + rank);
        assertThat(((CollectiveException) failure).suspects()).as(failure.getMessage()).containsExactly(rank);
    }

    private static float[] gaussians(long seed, int size) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static MemorySegment array() {
        return Planes.floats(new float[8]);
    }
}
