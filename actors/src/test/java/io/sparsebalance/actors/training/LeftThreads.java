package io.sparsebalance.actors.training;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.function.Predicate;

/** Threads that something has left behind. */
public final class LeftThreads {
    private static final Duration LAST_BREATH = Duration.ofSeconds(10);

    private LeftThreads() {
    }

    /**
     * None of these names is left. A thread that has done its work, as whoever waited for that was told, may take a moment to end on a
     * machine that is busy: it is waited for, one that has more to do is not.
     */
    public static void assertNone(Predicate<String> name) {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (name.test(thread.getName())) {
                assertThat(ends(thread)).as("thread %s is left", thread.getName()).isTrue();
            }
        }
    }

    private static boolean ends(Thread thread) {
        try {
            return thread.join(LAST_BREATH);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
