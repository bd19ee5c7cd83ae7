package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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

    @Test
    void aPlanThatIsWrongIsRefusedWithItsPlace() throws Exception {
        Path plan = Files.writeString(directory.resolve("wrong.conf"), "faults = [{ kind = kil }]");
        Cli.Outcome outcome = Cli.run(directory, "chaos", "--plan", plan.toString(), "--out", "none");
        assertThat(outcome.code()).isEqualTo(2);
        assertThat(outcome.err()).contains("wrong.conf: faults[0].kind is 'kil'", "did you mean kill?");
        assertThat(directory.resolve("none")).doesNotExist();
    }
}
