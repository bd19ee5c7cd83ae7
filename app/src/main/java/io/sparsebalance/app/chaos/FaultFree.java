package io.sparsebalance.app.chaos;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;

/**
 * What a run comes to when nothing fails: the same configuration on one rank of this process.
 *
 * @param steps what each step was made of
 */
record FaultFree(String digest, List<Step> steps) {
    /** What must be the same of a step, whoever ran it. */
    record Step(long step, long firstPosition, int numSamples, List<List<Long>> samples, List<List<Integer>> budgets,
            long parameterChecksum) {}

    static FaultFree run(TrainingConfig config) throws IOException, InterruptedException {
        try (TrainingRun run = SparseBalance.train(config).start()) {
            TrainingResult result = run.result().toCompletableFuture().get();
            return new FaultFree(result.digest(), steps(SharedRun.committed(result.directory())));
        } catch (ExecutionException e) {
            throw new IllegalStateException("the run in which nothing fails has failed: " + e.getCause().getMessage(),
                    e.getCause());
        }
    }

    private static List<Step> steps(List<LedgerEntry> ledger) {
        return ledger.stream().map(entry -> new Step(entry.step(), entry.firstPosition(), entry.numSamples(),
                entry.samples(), entry.budgets(), entry.parameterChecksum())).toList();
    }

    /** What is different in a run; empty if nothing is. */
    List<String> differences(String otherDigest, List<LedgerEntry> otherLedger) {
        List<String> differences = new ArrayList<>();
        if (!digest.equals(otherDigest)) {
            differences.add("the digest is " + otherDigest + ", and " + digest + " when nothing fails");
        }
        differences.addAll(differences(otherLedger, Math.max(steps.size(), otherLedger.size())));
        return differences;
    }

    /** What is different in the steps that a run has come to, which may not be all. */
    List<String> differences(List<LedgerEntry> otherLedger) {
        return differences(otherLedger, otherLedger.size());
    }

    private List<String> differences(List<LedgerEntry> otherLedger, int upTo) {
        List<Step> others = steps(otherLedger);
        for (int i = 0; i < upTo; i++) {
            if (i >= steps.size() || i >= others.size() || !steps.get(i).equals(others.get(i))) {
                return List.of("the ledgers differ from step " + (i + 1) + " on: "
                        + (i < others.size() ? others.get(i) : "nothing") + ", and "
                        + (i < steps.size() ? steps.get(i) : "nothing") + " when nothing fails");
            }
        }
        return List.of();
    }
}
