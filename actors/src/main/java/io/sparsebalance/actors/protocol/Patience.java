package io.sparsebalance.actors.protocol;

import java.time.Duration;

/**
 * How long a coordinator waits for what.
 *
 * @param stepNanos longest that a step, an evaluation or a checkpoint may take
 * @param leastStepNanos a step may always take this long
 * @param slowStepFactor a step may take this many times the median of the last ones, within the limits above
 * @param joinNanos longest that a member may take to answer while a generation is formed
 * @param formNanos longest to wait for enough members
 * @param gatherNanos how long a successor waits for all that are still there before it goes on with enough of them
 * @param repeatNanos a request without an answer is given again after this time
 * @param closeNanos longest that devices may take to be released
 */
public record Patience(long stepNanos, long leastStepNanos, int slowStepFactor, long joinNanos, long formNanos,
        long gatherNanos, long repeatNanos, long closeNanos) {
    private static final int SLOW_STEP_FACTOR = 20;

    /** For the ranks of one JVM, which fail together: generous, but for what the configuration limits. */
    public static Patience ofOneProcess(Duration stepTimeout) {
        return new Patience(stepTimeout.toNanos(), Duration.ofSeconds(10).toNanos(), SLOW_STEP_FACTOR,
                stepTimeout.toNanos(), stepTimeout.toNanos(), stepTimeout.toNanos(), Duration.ofSeconds(2).toNanos(),
                Duration.ofSeconds(10).toNanos());
    }
}
