package io.sparsebalance.actors.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.profile.TinyRuns;
import io.sparsebalance.actors.rundir.SharedRun;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class CpuWarmUpTest {
    private static final String EXACT = "run.reduction=exact";

    /** Both ways to reduce, at once and in pieces, and widths that the small model does not have. */
    @Test
    @Timeout(60)
    void itEndsByItselfForAnyShape() {
        String[][] shapes = {{EXACT, "model.tied-embeddings=false", "cluster.run=some", "batch.token-cap=256"},
            {"run.reduction=fast", "run.reduce-bucket=0", "model.recompute=true", "model.hidden=300"}};
        for (String[] shape : shapes) {
            TrainingConfig config = TinyRuns.config(shape);
            assertThat(CpuWarmUp.start(config, TinyRuns.model(config)).await()).isTrue();
        }
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("sparsebalance-warm-up-reduce"));
    }

    @Test
    @Timeout(60)
    void itsFailureKeepsNobodyWaiting() {
        TrainingConfig config = TinyRuns.config(EXACT, "device.kind=noop");
        assertThat(CpuWarmUp.start(config, TinyRuns.model(config)).await()).isFalse();
    }

    @Test
    void aRunHasBegunOnceALedgerHoldsSomething(@TempDir Path directory) throws Exception {
        Path run = directory.resolve("run");
        assertThat(SharedRun.hasBegun(run)).isFalse();
        Files.createDirectory(run);
        Files.createFile(run.resolve("ledger.jsonl"));
        assertThat(SharedRun.hasBegun(run)).isFalse();
        Files.writeString(run.resolve("ledger.2.jsonl"), "{}\n");
        assertThat(SharedRun.hasBegun(run)).isTrue();
    }
}
