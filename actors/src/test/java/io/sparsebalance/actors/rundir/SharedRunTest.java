package io.sparsebalance.actors.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run directory that coordinators take over from each other. */
class SharedRunTest {
    private final SplittableRandom random = new SplittableRandom(6);
    @TempDir
    private Path runs;
    private TrainingConfig config;

    @BeforeEach
    void configure() {
        config = TrainingConfigs.defaults(List.of("run.directory=\"" + runs + "\"", "cluster.run=shared"));
    }

    @Test
    void whoeverWasTakenOverCanNeitherCommitNorEndTheRun() throws IOException {
        SharedRun.Takeover first = SharedRun.takeOver(config, "first");
        try (RunDirectory mine = first.directory()) {
            commit(mine, 1, "");
            mine.requireNewestTerm();
            SharedRun.Takeover second = SharedRun.takeOver(config, "second");
            try (RunDirectory theirs = second.directory()) {
                assertThat(second.term()).isEqualTo(2);
                assertThat(second.committed()).extracting(LedgerEntry::step).containsExactly(1L);
                assertThatThrownBy(() -> commit(mine, 2, "")).isInstanceOfSatisfying(StaleTermException.class,
                        stale -> assertThat(stale.newerTerm()).isEqualTo(2));
                assertThatThrownBy(mine::requireNewestTerm).isInstanceOf(StaleTermException.class);
                theirs.requireNewestTerm();
            }
        }
    }

    @Test
    void whatWasLearnedIsKeptWhereRanksMayBegin() throws IOException {
        Path path = SharedRun.path(config);
        try (RunDirectory directory = SharedRun.takeOver(config, "first").directory()) {
            for (int step = 1; step <= 5; step++) {
                commit(directory, step, "c3RlcCA" + step);
            }
        }
        SharedRun.Takeover without = SharedRun.takeOver(config, "second");
        without.directory().close();
        assertThat(without.committed()).extracting(LedgerEntry::learned).containsExactly("", "", "", "",
                "c3RlcCA5");
        assertThat(without.oldestCheckpoint()).isZero();
        Files.createDirectories(path.resolve("checkpoints/step-00000002"));
        Files.createDirectories(path.resolve("checkpoints/step-00000003"));
        SharedRun.Takeover third = SharedRun.takeOver(config, "third");
        third.directory().close();
        assertThat(third.oldestCheckpoint()).isEqualTo(2);
        assertThat(third.newestCheckpoint()).isEqualTo(3);
        assertThat(third.committed()).extracting(LedgerEntry::learned).containsExactly("", "c3RlcCA2", "c3RlcCA3",
                "",
                "c3RlcCA5");
    }

    private void commit(RunDirectory directory, long step, String learned) throws IOException {
        directory.commit(new LedgerEntry("shared", 1, 1, step, 4 * (step - 1), 4, List.of(List.of(step)), List.of(0),
                List.of(List.of(1)), 0.5, step, learned, 0), Steps.report(step, random));
    }
}
