package io.sparsebalance.actors.training;

import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingResult;
import java.nio.file.Path;
import java.util.OptionalDouble;

/** Sums over a run. Owned by the coordinator. */
final class RunStatistics {
    private static final double NANOS_PER_SECOND = 1e9;

    private final long warmUpSteps;
    private final long start = System.nanoTime();
    private long steps;
    private long counted;
    private double imbalance;
    private double density;
    private long tokens;
    private double finalLoss = Double.NaN;
    private OptionalDouble heldOutLoss = OptionalDouble.empty();
    private String digest = "";

    RunStatistics(int plannedSteps) {
        this.warmUpSteps = plannedSteps / 10;
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
