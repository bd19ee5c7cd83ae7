package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.actors.protocol.StepOutcome;
import io.sparsebalance.actors.protocol.StepPlan;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.straggler.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Puts a step's report and ledger entry together. */
final class StepReports {
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final long UNSIGNED = 0xffffffffL;

    private StepReports() {
    }

    static StepReport report(Effect.Commit commit) {
        StepOutcome outcome = commit.outcome();
        Map<Integer, ToCoordinator.StepFinished> finished = commit.ends();
        OptionalDouble heldOutLoss = commit.heldOutLoss();
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
        double stepSeconds = commit.stepNanos() / NANOS_PER_SECOND;
        ToCoordinator.StepFinished first = finished.values().iterator().next();
        long nativeBytes = finished.values().stream().mapToLong(ToCoordinator.StepFinished::memoryBytes).sum();
        Runtime runtime = Runtime.getRuntime();
        return new StepReport(commit.id().step(), lossSum / Math.max(1, targets), heldOutLoss,
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
            Map<Integer, ToCoordinator.StepFinished> finished) {
        int numRanks = outcome.verdicts().size();
        double[] busy = new double[numRanks];
        double[] predicted = new double[numRanks];
        for (int i = 0; i < outcome.outcomes().size(); i++) {
            MicroBatchOutcome done = outcome.outcomes().get(i);
            busy[done.rank()] += done.busyNanos() / NANOS_PER_SECOND;
            predicted[done.rank()] += outcome.predictedSeconds().get(i);
        }
        List<StepReport.RankStep> ranks = new ArrayList<>();
        for (int rank = 0; rank < numRanks; rank++) {
            ToCoordinator.StepFinished fact = finished.get(rank);
            Verdict verdict = outcome.verdicts().get(rank);
            // Of a step that was committed by another generation than ran it, not every rank is known.
            long waitNanos = fact == null ? 0 : fact.idleNanos() + fact.end().waitNanos();
            ranks.add(new StepReport.RankStep(rank, busy[rank], waitNanos / NANOS_PER_SECOND,
                    predicted[rank], verdict.speedFactor(), verdict.slowdown(), verdict.straggler(),
                    verdict.cause().label(),
                    verdict.host()));
        }
        return ranks;
    }

    static LedgerEntry ledgerEntry(Effect.Commit commit, StepReport report) {
        StepOutcome outcome = commit.outcome();
        StepPlan plan = outcome.plan();
        return new LedgerEntry(commit.id().runId(), commit.id().term(), commit.id().generation(), report.step(),
                plan.firstPosition(),
                plan.microBatches().stream().mapToInt(List::size).sum(),
                plan.microBatches().stream().map(batch -> batch.stream().map(SampleRef::id).toList()).toList(),
                outcome.outcomes().stream().map(MicroBatchOutcome::rank).toList(),
                outcome.outcomes().stream().map(done -> done.budgets().byLayer()).toList(), report.loss(),
                report.parameterChecksum(), outcome.learned().toText(), commit.skipped());
    }
}
