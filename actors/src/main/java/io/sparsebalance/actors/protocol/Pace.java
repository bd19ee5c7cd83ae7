package io.sparsebalance.actors.protocol;

import java.util.Arrays;

/** How long the last steps took, and so how long the next may take. */
final class Pace {
    private static final int RECENT = 32;

    private final Patience patience;
    private final long[] recentNanos = new long[RECENT];
    private long stepsEnded;
    private long lastStepNanos;

    Pace(Patience patience) {
        this.patience = patience;
    }

    void stepEnded(long nanos) {
        lastStepNanos = nanos;
        recentNanos[(int) (stepsEnded++ % RECENT)] = nanos;
    }

    long lastStepNanos() {
        return lastStepNanos;
    }

    /**
     * How long to wait for progress: the configured time; while stepping, once some steps are known, a multiple of their
     * median, but not less than the least, and never more than the configured time.
     */
    long deadlineNanos(boolean stepping) {
        int n = (int) Math.min(RECENT, stepsEnded);
        if (!stepping || n < RECENT / 4) {
            return patience.stepNanos();
        }
        long[] sorted = Arrays.copyOf(recentNanos, n);
        Arrays.sort(sorted);
        return Math.min(patience.stepNanos(),
                Math.max(patience.leastStepNanos(), patience.slowStepFactor() * sorted[n / 2]));
    }
}
