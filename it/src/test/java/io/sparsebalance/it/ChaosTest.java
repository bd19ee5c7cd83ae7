package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code sparsebalance chaos} as a process. */
class ChaosTest {
    @TempDir
    static Path directory;

    @Test
    void aRunWithFaultsEndsInTheBitsOfOneWithoutAndSaysSoInJson() throws Exception {
        Path plan = Path.of(System.getProperty("sparsebalance.root"), "cluster-config", "chaos", "smoke.conf");
        Cli.Outcome outcome = Cli.run(directory, "chaos", "--plan", plan.toString(), "--seed", "3", "--out", "out",
                "--json");
        assertThat(outcome.code()).as(outcome.out() + outcome.err()).isZero();
        JsonNode report = new ObjectMapper().readTree(outcome.out());
        assertThat(report.path("good").asBoolean()).isTrue();
        JsonNode trial = report.path("trials").path(0);
        assertThat(trial.path("digest")).isEqualTo(report.path("expectedDigest"));
        assertThat(trial.path("faults")).hasSize(5).allSatisfy(fault -> {
            assertThat(fault.path("fired").asBoolean()).isTrue();
            assertThat(fault.path("measures").path("recovered ms").asDouble()).isPositive();
        });
        assertThat(Files.readString(directory.resolve("out/report.md"))).contains("verdict: good", "| kill | 1 | 1 |");
    }

    /** Ctrl-C: what was done is reported, and nothing is left. */
    @Test
    void stoppedItReportsWhatItDidAndLeavesNothing() throws Exception {
        Path plan = Files.writeString(directory.resolve("stopped.conf"), """
                nodes = 2, pace = 20ms, calm = [100ms, 100ms], config { run.steps = 1000 }
                faults = [{ kind = duplicate, for = 100ms, repeat = 1000 }]
                """);
        try (Launched chaos = Launched.start(directory, "chaos", "--plan", plan.toString(), "--out", "stopped")) {
            chaos.await("a fault", launched -> launched.output().contains("fault 2 of 1000"));
            assertThat(chaos.descendants()).hasSize(2);
            chaos.process().destroy();
            assertThat(chaos.end()).as(chaos.output()).isEqualTo(130);
            chaos.assertNothingLeft();
        }
        assertThat(Files.readString(directory.resolve("stopped/report.md"))).contains("verdict: **incomplete**",
                "| duplicate 0.1 for 100 ms |", "| none |");
    }

    /** {@code kill -9}, while a node is stopped: somebody must wake it, or it could not find out. */
    @Test
    void killedItLeavesNothingNotEvenAStoppedNode() throws Exception {
        assumeTrue(Files.isReadable(Path.of("/proc/self/stat")), "whether a process is stopped is read from /proc");
        Path plan = Files.writeString(directory.resolve("killed.conf"), """
                nodes = 2, pace = 20ms, calm = [100ms, 100ms], config { run.steps = 200 }
                faults = [{ kind = stop, for = 60s }]
                """);
        try (Launched chaos = Launched.start(directory, "chaos", "--plan", plan.toString(), "--out", "killed")) {
            chaos.awaitChild("a stopped node", ChaosTest::isStopped);
            chaos.process().destroyForcibly();
            chaos.assertNothingLeft();
        }
    }

    private static boolean isStopped(ProcessHandle process) {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
            return stat.substring(stat.lastIndexOf(')')).startsWith(") T");
        } catch (IOException e) {
            // It ended just now.
            return false;
        }
    }

    @Test
    void aPlanThatIsWrongIsRefusedWithItsPlace() throws Exception {
        Path plan = Files.writeString(directory.resolve("wrong.conf"), "faults = [{ kind = kil }]");
        Cli.Outcome outcome = Cli.run(directory, "chaos", "--plan", plan.toString(), "--out", "none");
        assertThat(outcome.code()).isEqualTo(2);
        assertThat(outcome.err()).contains("wrong.conf: faults[0].kind is 'kil'", "did you mean kill?");
        assertThat(directory.resolve("none")).doesNotExist();
    }
}
