package io.sparsebalance.actors.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.profile.TinyRuns;
import io.sparsebalance.actors.rundir.Ledger;
import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs of a tiny model on the real CPU device with {@code run.reduction = exact}. */
@Timeout(120)
class ExactRunTest {
    private static final int STEPS = 5;

    @TempDir
    Path directory;

    /** A run's SHA-256 of parameters and moments, and what its ledger says of every step but the ranks. */
    private record Bits(String digest, List<List<List<Long>>> samples, List<List<List<Integer>>> budgets,
            List<Double> losses, List<Long> checksums) {}

    @Test
    void ranksThreadsAndAssignmentChangeNoBit() throws IOException {
        Bits one = run("run.ranks=1");
        assertThat(one.digest()).hasSize(64);
        assertThat(one.checksums()).doesNotHaveDuplicates();
        assertThat(one.budgets().stream().flatMap(List::stream).distinct().count()).as("budgets differ")
                .isGreaterThan(1);
        assertThat(run("run.ranks=2", "run.reduce-bucket=64KiB")).isEqualTo(one);
        assertThat(run("run.ranks=3", "balance.feedback=off", "device.threads-per-rank=2",
                "run.reduce-bucket=0")).isEqualTo(one);
        assertThat(run("run.ranks=4", "device.share-parameters=true")).isEqualTo(one);
        assertThat(run("run.ranks=2", "run.seed=2").digest()).isNotEqualTo(one.digest());
    }

    private Bits run(String... overrides) throws IOException {
        List<String> all = new ArrayList<>(List.of("run.directory=\"" + directory.resolve("runs") + "\"",
                "run.reduction=exact", "run.steps=" + STEPS, "run.evaluation.max-tokens=0", "device.kind=cpu",
                "batch.samples-per-step=9", "batch.micro-batches-per-step=6", "balance.feedback=assignment"));
        all.addAll(List.of(overrides));
        TrainingConfig config = TinyRuns.onTexts(directory, all.toArray(String[]::new));
        try (RunHost run = RunHost.start(config, List.of(), Optional.empty(), PartsFactory.engine())) {
            TrainingResult result = run.result().toCompletableFuture().join();
            assertThat(result.leakedTensors()).isZero();
            List<LedgerEntry> ledger = Ledger.read(result.directory().resolve("ledger.jsonl"));
            assertThat(ledger).hasSize(STEPS);
            return new Bits(result.digest(), ledger.stream().map(LedgerEntry::samples).toList(),
                    ledger.stream().map(LedgerEntry::budgets).toList(), ledger.stream().map(LedgerEntry::loss).toList(),
                    ledger.stream().map(LedgerEntry::parameterChecksum).toList());
        }
    }
}
