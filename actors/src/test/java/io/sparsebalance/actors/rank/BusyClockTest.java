package io.sparsebalance.actors.rank;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** More threads than processors, so that each waits for one again and again. */
@Timeout(60)
class BusyClockTest {
    private static final int READINGS = 3000;
    /** The system's clock of waiting is not the one of {@link System#nanoTime}. */
    private static final long SKEW_NANOS = 100_000;

    @Test
    void itNeverGoesBackHoweverOftenItsThreadWaits() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        List<Long> leasts = new ArrayList<>();
        for (int i = 0; i < 4 * Runtime.getRuntime().availableProcessors(); i++) {
            threads.add(Thread.ofPlatform().start(() -> {
                long least = leastStep();
                synchronized (leasts) {
                    leasts.add(least);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(leasts).hasSameSizeAs(threads).allSatisfy(step -> assertThat(step).isGreaterThan(-SKEW_NANOS));
    }

    private static long leastStep() {
        long least = Long.MAX_VALUE;
        try (BusyClock clock = BusyClock.ofThisThread()) {
            long before = clock.nanos();
            for (int i = 0; i < READINGS; i++) {
                long now = clock.nanos();
                least = Math.min(least, now - before);
                before = now;
            }
        }
        return least;
    }
}
