package io.sparsebalance.actors.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Arrays that add themselves up, as those of ranks on one device do. */
class SharedArraysTest {
    private static final int SIZE = 1_000;
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void stop() throws InterruptedException {
        threads.shutdownNow();
        assertThat(threads.awaitTermination(5, TimeUnit.SECONDS)).isTrue();
    }

    /** Remembers on which thread it was asked. */
    private static final class Array implements Summand {
        private final float[] values = new float[SIZE];
        private final List<Thread> askedOn = new ArrayList<>();

        Array(float value) {
            Arrays.fill(values, value);
        }

        @Override
        public long size() {
            return SIZE;
        }

        @Override
        public void sumSlice(List<Summand> all, long from, long to) {
            askedOn.add(Thread.currentThread());
            for (int i = (int) from; i < to; i++) {
                float sum = 0;
                for (Summand array : all) {
                    sum += ((Array) array).values[i];
                }
                for (Summand array : all) {
                    ((Array) array).values[i] = sum;
                }
            }
        }
    }

    @Test
    void everyRanksOwnArrayIsAskedOnItsOwnThread() throws Exception {
        // Behind a switch, as in a run.
        List<SwitchedCollective> ranks = new ArrayList<>();
        for (Collective member : InProcess.create(3, Duration.ofSeconds(20))) {
            SwitchedCollective rank = new SwitchedCollective();
            rank.switchTo(member);
            ranks.add(rank);
        }
        List<Array> arrays = List.of(new Array(1), new Array(2), new Array(4));
        List<Future<Thread>> done = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            int number = rank;
            done.add(threads.submit(() -> {
                assertThat(ranks.get(number).isInProcess()).isTrue();
                ranks.get(number).allReduceSum(arrays.get(number), 1);
                return Thread.currentThread();
            }));
        }
        for (int rank = 0; rank < 3; rank++) {
            assertThat(arrays.get(rank).askedOn).containsExactly(done.get(rank).get());
            assertThat(arrays.get(rank).values).containsOnly(7);
        }
    }

    @Test
    void aSwitchTellsWhatItIsConnectedTo() {
        SwitchedCollective rank = new SwitchedCollective();
        assertThatThrownBy(rank::isInProcess).isInstanceOf(CollectiveException.class)
                .hasMessageContaining("not connected");
        assertThatThrownBy(() -> rank.allReduceSum(MemorySegment.NULL, 1)).isInstanceOf(CollectiveException.class);
    }
}
