package io.sparsebalance.actors.training;

import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/** Puts a step's report and ledger entry together. */
final class StepReports {
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final long UNSIGNED = 0xffffffffL;

    private StepReports() {
    }

    /** What is wrong if the ranks' parameters are not equal, or null. */
    static String checksumMismatch(Map<Integer, Coordinator.StepFinished> finished) {
        Map<Integer, String> checksums = new TreeMap<>();
        finished.forEach((rank, fact) -> checksums.put(rank, String.format("%08x", fact.end().parameterChecksum())));
        if (checksums.values().stream().distinct().count() <= 1) {
            return null;
        }
        return "the ranks' parameters differ (CRC32C by rank: " + checksums
                + "); a device computed something else: check the memory of"
                + " the odd one's host, and start again from the last checkpoint";
    }

    static StepReport report(StepOutcome outcome, Map<Integer, Coordinator.StepFinished> finished,
            OptionalDouble heldOutLoss,
            long stepNanos) {
        double lossSum = 0;
        long targets = 0;
        long selected = 0;
        long causal = 0;
        double coverage = 0;
        List<StepReport.MicroBatchStep> microBatches = new ArrayList<>();
        for (int i = 0; i < outcome.outcomes().size(); i++) {
            MicroBatchOutcome done = outcome.outcomes().get(i);
            MicroBatchResult result = done.result();
            List<Integer> lengths = outcome.plan().lengths(i);
            lossSum += result.lossSum();
            targets += result.numTargets();
            selected += result.selectedPairs();
            causal += result.causalPairs();
            coverage += outcome.coverage().get(i) * lengths.stream().mapToLong(Integer::longValue).sum();
            microBatches.add(new StepReport.MicroBatchStep(i, done.rank(), lengths, done.budgets().byLayer(),
                    outcome.predictedSeconds().get(i), outcome.baseSeconds().get(i),
                    done.busyNanos() / NANOS_PER_SECOND,
                    density(result.selectedPairs(), result.causalPairs()), outcome.coverage().get(i)));
        }
        long tokens = outcome.plan().numTokens();
        double stepSeconds = stepNanos / NANOS_PER_SECOND;
        Coordinator.StepFinished first = finished.values().iterator().next();
        long nativeBytes = finished.values().stream().mapToLong(Coordinator.StepFinished::memoryBytes).sum();
        Runtime runtime = Runtime.getRuntime();
        return new StepReport(outcome.id().step(), lossSum / Math.max(1, targets), heldOutLoss,
                first.end().update().gradientNorm(),
                first.end().update().learningRate(), tokens, stepSeconds, tokens / stepSeconds,
                outcome.slowest().imbalance(),
                density(selected, causal), coverage / tokens, outcome.baseDensity(), outcome.targetSeconds(),
                outcome.planNanos() / NANOS_PER_MILLI, outcome.slowest().rank(), outcome.slowest().cause().label(),
                outcome.revisions(), nativeBytes, runtime.totalMemory() - runtime.freeMemory(),
                first.end().parameterChecksum() & UNSIGNED, ranks(outcome, finished), microBatches);
    }

    private static double density(long selected, long causal) {
        return causal > 0 ? (double) selected / causal : 1;
    }

    private static List<StepReport.RankStep> ranks(StepOutcome outcome,
            Map<Integer, Coordinator.StepFinished> finished) {
        int numRanks = finished.size();
        double[] busy = new double[numRanks];
        double[] predicted = new double[numRanks];
        for (int i = 0; i < outcome.outcomes().size(); i++) {
            MicroBatchOutcome done = outcome.outcomes().get(i);
            busy[done.rank()] += done.busyNanos() / NANOS_PER_SECOND;
            predicted[done.rank()] += outcome.predictedSeconds().get(i);
        }
        List<StepReport.RankStep> ranks = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            Coordinator.StepFinished fact = finished.get(rank);
            Verdict verdict = outcome.verdicts().get(rank);
            ranks.add(new StepReport.RankStep(rank, busy[rank],
                    (fact.idleNanos() + fact.end().waitNanos()) / NANOS_PER_SECOND,
                    predicted[rank], verdict.speedFactor(), verdict.straggler()));
        }
        return ranks;
    }

    static LedgerEntry ledgerEntry(StepOutcome outcome, StepReport report) {
        StepPlan plan = outcome.plan();
        return new LedgerEntry(outcome.id().runId(), 1, outcome.id().generation(), report.step(), plan.firstPosition(),
                plan.microBatches().stream().mapToInt(List::size).sum(),
                plan.microBatches().stream().map(batch -> batch.stream().map(SampleRef::id).toList()).toList(),
                outcome.outcomes().stream().map(MicroBatchOutcome::rank).toList(),
                outcome.outcomes().stream().map(done -> done.budgets().byLayer()).toList(), report.loss(),
                report.parameterChecksum());
    }
}
