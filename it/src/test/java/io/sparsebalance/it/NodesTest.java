package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparsebalance.actors.rundir.LedgerEntry;
import io.sparsebalance.actors.rundir.SharedRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Several nodes as real processes on loopback, with a real, tiny model and exact reduction: whatever happens to them, the run ends
 * in the bits of a run in one process.
 */
class NodesTest {
    private static final int STEPS = 120;

    @TempDir
    static Path directory;
    private static String expected;

    @BeforeAll
    static void trainInOneProcess() throws Exception {
        Path texts = Files.createDirectory(directory.resolve("texts"));
        for (int i = 0; i < 40; i++) {
            Files.writeString(texts.resolve("text-" + i + ".txt"),
                    ("document " + i + " says " + i * i + "; ").repeat(6));
        }
        Files.writeString(directory.resolve("tiny.conf"), """
                run { name = tiny, directory = "%1$s/runs", steps = %2$d, reduction = exact, evaluation.max-tokens = 0
                  checkpoint.every = 0, step-timeout = 30s }
                device { kind = cpu, threads-per-rank = 1 }
                model { layers = 1, hidden = 16, heads = 1, kv-heads = 1, head-size = 16, ffn = 32 }
                attention { block = 32, query-tile = 32, k-base = 2, k-min = 1, k-max = 4 }
                data { source = "%1$s/texts", cache-directory = "%1$s/cache", max-document-tokens = 128 }
                batch { samples-per-step = 4, micro-batches-per-step = 4, token-cap = 256 }
                balance { sparsity = fixed, feedback = off }
                """.formatted(directory, STEPS));
        try (Launched train = Launched.start(directory, "train", "-c", "tiny.conf", "--quiet", "--set",
                "run.ranks=1")) {
            assertThat(train.end()).as(train.output()).isZero();
        }
        expected = Launched.digest(directory.resolve("runs/latest").toRealPath());
    }

    @Test
    void aRunThatLosesGainsAndReleasesNodesEndsInTheSameBits() throws Exception {
        // With fewer than three ranks the run waits for others, so that the new node comes in time.
        try (Launched launch = launch(3, "worker-lost", "--set", "cluster.least-ranks=3")) {
            launch.awaitStep(3);
            int coordinator = launch.coordinator();
            int lost = other(launch, coordinator);
            int third = launch.nodes().stream().filter(n -> n != lost && n != coordinator).findFirst().orElseThrow();
            launch.node(lost).destroyForcibly();
            // The launcher knows first: nobody waits for the node's silence to be noticed.
            launch.await("the loss", l -> l.output().contains("is lost: it was taken out of the cluster"));
            long before = launch.step();
            try (Launched joiner = Launched.start(directory, "node", "-c", "tiny.conf", "--run", "worker-lost",
                    "--seed", launch.address(coordinator), "--ranks", "1", "--set", "cluster.control-nodes=3", "--set",
                    "cluster.detection=tight")) {
                launch.awaitStep(before + 3);
                launch.node(third).destroy();
                assertThat(launch.end()).as(launch.output()).isZero();
                assertThat(joiner.end()).as(joiner.output()).isZero();
            }
            assertThat(assertLedger("worker-lost")).isEqualTo(1);
            launch.assertNothingLeft();
        }
    }

    /** The first coordinator stands still and wakes up when another has taken over, which then is killed. */
    @Test
    void aRunThatLosesTwoCoordinatorsEndsInTheSameBitsAndOneThatWakesUpIsFenced() throws Exception {
        try (Launched launch = launch(4, "coordinators-lost")) {
            launch.awaitStep(3);
            int paused = launch.coordinator();
            launch.signal(paused, "STOP");
            launch.await("a successor", l -> l.coordinator() != paused);
            launch.awaitStep(launch.step() + 2);
            launch.signal(paused, "CONT");
            launch.node(launch.coordinator()).destroyForcibly();
            launch.awaitEnd(paused);
            assertThat(launch.end()).as(launch.output()).isZero();
            assertThat(assertLedger("coordinators-lost")).isEqualTo(3);
            launch.assertNothingLeft();
        }
    }

    /** The coordinator alone is the minority; then all is killed, the launcher first, and started again. */
    @Test
    void aMinorityEndsItselfAndARunThatIsStartedAgainGoesOnFromTheLedger() throws Exception {
        String[] checkpoints = {"--set", "run.checkpoint.every=10"};
        long committed;
        try (Launched launch = launch(3, "cold", checkpoints)) {
            launch.awaitStep(15);
            int alone = launch.coordinator();
            List<Integer> others = launch.nodes().stream().filter(node -> node != alone).toList();
            for (int other : others) {
                launch.signal(other, "STOP");
            }
            launch.awaitEnd(alone);
            committed = SharedRun.committed(directory.resolve("runs/cold")).getLast().step();
            assertThat(committed).isBetween(15L, STEPS - 1L);
            launch.process().destroyForcibly().waitFor(10, TimeUnit.SECONDS);
            for (int other : others) {
                launch.signal(other, "CONT");
            }
            launch.assertNothingLeft();
        }
        try (Launched again = launch(3, "cold", checkpoints)) {
            assertThat(again.end()).as(again.output()).isZero();
            assertThat(again.output()).contains(", from step ");
            // The two that woke up may have taken a term before they found the launcher gone.
            assertThat(assertLedger("cold")).isBetween(2L, 3L);
            again.assertNothingLeft();
        }
    }

    @Test
    void controlCEndsTheRunAfterItsStepWithACheckpoint() throws Exception {
        try (Launched launch = launch(2, "stopped")) {
            launch.awaitStep(2);
            launch.process().destroy();
            assertThat(launch.end()).as(launch.output()).isEqualTo(130);
            launch.assertNothingLeft();
            List<LedgerEntry> ledger = SharedRun.committed(directory.resolve("runs/stopped"));
            long last = ledger.getLast().step();
            assertThat(last).isLessThan(STEPS);
            assertThat(SharedRun.newestCheckpoint(directory.resolve("runs/stopped/checkpoints"))).isEqualTo(last);
        }
    }

    private static Launched launch(int nodes, String run, String... more) throws IOException {
        List<String> arguments = new ArrayList<>(
                List.of("launch", "--nodes", Integer.toString(nodes), "-c", "tiny.conf", "--set",
                        "cluster.run=" + run, "--set", "cluster.detection=tight"));
        arguments.addAll(List.of(more));
        return Launched.start(directory, arguments.toArray(String[]::new));
    }

    private static int other(Launched launch, int node) {
        return launch.nodes().stream().filter(n -> n != node).findFirst().orElseThrow();
    }

    /** Returns the last term. */
    private static long assertLedger(String run) throws IOException {
        Path path = directory.resolve("runs").resolve(run);
        List<LedgerEntry> ledger = SharedRun.committed(path);
        assertThat(ledger).extracting(LedgerEntry::step)
                .isEqualTo(LongStream.rangeClosed(1, STEPS).boxed().toList());
        assertThat(Launched.digest(path)).isEqualTo(expected);
        return ledger.getLast().term();
    }
}
