package io.sparsebalance.actors.protocol;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** The step that is being run, evaluated or saved, and what the ranks said of it. Owned by {@link CoordinatorLogic}. */
final class OpenStep {
    private static final long UNSIGNED = 0xffffffffL;

    private final StepId id;
    private final int numRanks;
    private final long startNanos;
    private final Map<Integer, ToCoordinator.StepFinished> finished = new HashMap<>();
    private final Map<Integer, ToCoordinator.RankEvaluated> evaluated = new TreeMap<>();
    private StepOutcome outcome;

    OpenStep(StepId id, int numRanks, long startNanos) {
        this.id = id;
        this.numRanks = numRanks;
        this.startNanos = startNanos;
    }

    /** A step that was found in the parameters of a new generation: whoever ran it is not asked any more. */
    static OpenStep found(StepId id, int numRanks, long nowNanos, AppliedStep applied) {
        OpenStep step = new OpenStep(id, numRanks, nowNanos);
        step.outcome = applied.outcome();
        step.finished.put(0, new ToCoordinator.StepFinished(id, 0, applied.end(), 0, 0));
        return step;
    }

    /** The same step in a later generation, in which it is evaluated and committed. */
    OpenStep in(StepId later, int laterRanks) {
        OpenStep step = new OpenStep(later, laterRanks, startNanos);
        step.outcome = outcome;
        step.finished.putAll(finished);
        return step;
    }

    StepId id() {
        return id;
    }

    long startNanos() {
        return startNanos;
    }

    /** Null until all micro-batches are done. */
    StepOutcome outcome() {
        return outcome;
    }

    Map<Integer, ToCoordinator.StepFinished> finished() {
        return finished;
    }

    /** True if it was news. */
    boolean balanced(StepOutcome found) {
        if (outcome != null) {
            return false;
        }
        outcome = found;
        return true;
    }

    /** True if it was news. */
    boolean note(ToCoordinator.StepFinished fact) {
        return fact.rank() >= 0 && fact.rank() < numRanks && finished.putIfAbsent(fact.rank(), fact) == null;
    }

    /** True if it was news. */
    boolean note(ToCoordinator.RankEvaluated fact) {
        return fact.rank() >= 0 && fact.rank() < numRanks && evaluated.putIfAbsent(fact.rank(), fact) == null;
    }

    List<Integer> unfinished() {
        return IntStream.range(0, numRanks).filter(rank -> !finished.containsKey(rank)).boxed().toList();
    }

    List<Integer> unevaluated() {
        return IntStream.range(0, numRanks).filter(rank -> !evaluated.containsKey(rank)).boxed().toList();
    }

    /** Mean loss over the held-out targets; summed in the order of the ranks. */
    OptionalDouble heldOutLoss() {
        double lossSum = 0;
        long targets = 0;
        for (ToCoordinator.RankEvaluated fact : evaluated.values()) {
            lossSum += fact.lossSum();
            targets += fact.numTargets();
        }
        return evaluated.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(lossSum / Math.max(1, targets));
    }

    /** Whether the step changed nothing. */
    boolean isSkipped() {
        return finished.values().iterator().next().end().update().isNone();
    }

    /** Checksum of the parameters after the step. */
    long checksum() {
        return finished.values().iterator().next().end().parameterChecksum() & UNSIGNED;
    }

    /** What is wrong if the ranks' parameters are not equal. */
    Optional<String> mismatch() {
        Map<Integer, String> checksums = new TreeMap<>();
        finished.forEach((rank, fact) -> checksums.put(rank, String.format("%08x", fact.end().parameterChecksum())));
        if (checksums.values().stream().distinct().count() <= 1) {
            return Optional.empty();
        }
        return Optional.of("the ranks' parameters differ (CRC32C by rank: " + checksums
                + "); a device computed something else: check the memory of"
                + " the odd one's host, and start again from the last checkpoint");
    }
}
