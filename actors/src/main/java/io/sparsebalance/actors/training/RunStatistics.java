package io.sparsebalance.actors.training;

import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.OptionalDouble;

/** Sums over a run. Owned by the coordinator. */
final class RunStatistics {
    private static final double NANOS_PER_SECOND = 1e9;
    private static final int RECENT = 32;
    private static final int SLOW_STEP_FACTOR = 20;
    private static final Duration LEAST_DEADLINE = Duration.ofSeconds(10);

    private final long warmUpSteps;
    private final long[] recentNanos = new long[RECENT];
    private final long start = System.nanoTime();
    private long steps;
    private long counted;
    private double imbalance;
    private double density;
    private long tokens;
    private double finalLoss = Double.NaN;
    private OptionalDouble heldOutLoss = OptionalDouble.empty();
    private String digest = "";
    private long lastStepNanos;
    private long stepsEnded;

    RunStatistics(int plannedSteps) {
        this.warmUpSteps = plannedSteps / 10;
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
     * median, but not less than ten seconds, and never more than the configured time.
     */
    Duration deadline(Duration most, boolean stepping) {
        int n = (int) Math.min(RECENT, stepsEnded);
        if (!stepping || n < RECENT / 4) {
            return most;
        }
        long[] sorted = Arrays.copyOf(recentNanos, n);
        Arrays.sort(sorted);
        long nanos = Math.max(LEAST_DEADLINE.toNanos(), SLOW_STEP_FACTOR * sorted[n / 2]);
        return nanos < most.toNanos() ? Duration.ofNanos(nanos) : most;
    }

    void committed(StepReport report) {
        steps = report.step();
        tokens += report.tokens();
        finalLoss = report.loss();
        if (report.heldOutLoss().isPresent()) {
            heldOutLoss = report.heldOutLoss();
        }
        // Compilation of the first steps says little about balance: they count only in a run that ends with them.
        if (report.step() == warmUpSteps + 1) {
            counted = 0;
            imbalance = 0;
            density = 0;
        }
        counted++;
        imbalance += report.imbalance();
        density += report.density();
    }

    void digest(String newest) {
        digest = newest;
    }

    TrainingResult result(Path directory, boolean stopped, long leakedTensors) {
        double seconds = (System.nanoTime() - start) / NANOS_PER_SECOND;
        return new TrainingResult(directory, steps, stopped, finalLoss, heldOutLoss, imbalance / Math.max(1, counted),
                density / Math.max(1, counted), tokens / seconds, seconds, digest, leakedTensors);
    }
}
