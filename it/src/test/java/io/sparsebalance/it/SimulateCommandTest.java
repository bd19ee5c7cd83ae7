package io.sparsebalance.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code simulate} as a user meets it. */
@Timeout(240)
class SimulateCommandTest {
    private static final int OK = 0;
    private static final int USAGE = 2;

    @TempDir
    Path directory;

    @Test
    void jsonIsOneObjectWithTheArmsAndNothingElse() throws Exception {
        Cli.Outcome outcome = simulate("--workload", "longalign", "--steps", "5", "--seed", "3", "--json", "--anchor",
                "iso-density", "--arms", "random/fixed,sab/dst");
        assertThat(outcome.code()).as(outcome.err()).isEqualTo(OK);
        JsonNode root = new ObjectMapper().readTree(outcome.out());
        assertThat(root.get("workload").asText()).isEqualTo("longalign");
        assertThat(root.get("anchor").asText()).isEqualTo("iso-density");
        assertThat(root.get("arms")).hasSize(2);
        for (JsonNode arm : root.get("arms")) {
            Set<String> names = new TreeSet<>();
            arm.fieldNames().forEachRemaining(names::add);
            assertThat(names).containsExactly("arm", "coverage", "density", "idealSpeedup", "imbalance", "planMillis",
                    "speedup", "stepSeconds");
        }
        assertThat(root.get("arms").get(0).get("speedup").asDouble()).isEqualTo(1);
        assertThat(root.get("arms").get(1).get("speedup").asDouble()).isGreaterThan(1.1);
    }

    @Test
    void aListAndATableOfOnesOwnAreUsedAndDisturbancesAreTold() throws Exception {
        Path lengths = Files.writeString(directory.resolve("mine.txt"), "# mine\n100\n900\n400\n120\n");
        Path table = Files.writeString(directory.resolve("table.json"),
                """
                        {"numLayers": 2, "pairs": {"block": 64, "queryTile": 64, "forcedBlocks": 2}, "fingerprint": "made up",
                         "attention": [{"length": 64, "budget": 4, "seconds": 1e-2}, {"length": 1024, "budget": 4, "seconds": 2e-1},
                                       {"length": 1024, "budget": 16, "seconds": 4e-1}],
                         "linear": [{"tokens": 1000, "seconds": 2e-1}], "fixedSeconds": 1e-2}
                        """);
        Cli.Outcome outcome = simulate("--lengths", lengths.toString(), "--table", table.toString(), "--ranks", "4",
                "--global-batch", "16", "--k-base", "8", "--k-max", "16", "--steps", "12", "--slow", "1:3", "--fail",
                "2@6", "--noise", "0.02", "--arms", "sab/dst");
        assertThat(outcome.code()).as(outcome.err()).isEqualTo(OK);
        assertThat(outcome.out()).contains("samples of mine.txt", "table.json", "feedback full", "sab/dst",
                "slow ranks, and when and as what they were flagged: {1=").doesNotContain("random/fixed ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2.5-0.5b", "qwen2.5-3b", "qwen3-0.6b"})
    void measuredTablesComeAlongAndTellHowFarOffTheyAre(String model) throws Exception {
        Cli.Outcome outcome = simulate("--model", model, "--steps", "3", "--arms", "random/fixed,sab/fixed", "--json");
        assertThat(outcome.code()).as(outcome.err()).isEqualTo(OK);
        JsonNode root = new ObjectMapper().readTree(outcome.out());
        assertThat(root.get("table").asText()).isEqualTo(model);
        assertThat(root.get("block").asInt()).isEqualTo(256);
        assertThat(root.get("arms").get(1).get("speedup").asDouble()).isGreaterThan(1);
        try (InputStream file = getClass()
                .getResourceAsStream("/sparsebalance/latency-tables/" + model + ".json")) {
            JsonNode profile = new ObjectMapper().readTree(file);
            assertThat(profile.at("/fingerprint/device").asText()).contains("H200");
            assertThat(profile.at("/errors/median").asDouble()).isBetween(0.0, 0.05);
            assertThat(profile.at("/errors/microBatches").size()).isGreaterThanOrEqualTo(12);
        }
    }

    @Test
    void theTableOfThe3bModelIsTheDefaultAndTheDerivedOneIsThereByName() throws Exception {
        assertThat(simulate("--steps", "2", "--arms", "sab/fixed").out()).contains("latency table qwen2.5-3b");
        assertThat(simulate("--steps", "2", "--arms", "sab/fixed", "--table", "3b").out()).contains("derived");
    }

    @Test
    void wrongValuesAreOneClearMessageEach() throws Exception {
        Path bad = Files.writeString(directory.resolve("bad.txt"), "100\nmany\n");
        assertError("bad.txt line 2", "--lengths", bad.toString());
        assertError("there is no file '" + directory.resolve("missing.txt") + "', nor a list of that name", "--lengths",
                directory.resolve("missing.txt").toString());
        assertError("is no file", "--lengths", directory.toString());
        assertError("did you mean chatqa2?", "--lengths", "chatqa");
        assertError("takes no parameter", "--lengths", "wikipedia:0.5");
        assertError("did you mean wikipedia?", "--workload", "wiki");
        assertError("did you mean qwen3-0.6b?", "--model", "qwen-0.6b");
        assertError("known: mean, median", "--anchor", "average");
        assertError("there is no latency table h9000", "--table", "h9000");
        assertError("did you mean qwen2.5-3b?", "--table", "qwen2.5-7b");
        assertError("ranks 0 must be at least 1", "--ranks", "0");
        assertError("there is no slow rank 8", "--slow", "8:2");
        assertError("--slow: '0:x' must be", "--slow", "0:x");
        assertError("--fail: '3' must be RANK@STEP", "--fail", "3");
        assertError("arm 'sab/dts'", "--arms", "sab/dts");
        assertError("batch.token-cap", "--token-cap", "1000", "--steps", "1");
        assertError("sparsebalance profile", "--set", "run.ranks=4");
        assertError("did you mean run.steps", "--set", "run.stepps=4");
    }

    @Test
    void helpSaysWhatTheColumnsMeanWithExamples() throws Exception {
        assertThat(simulate("--help").out()).contains("--lookahead", "imbalance", "ideal", "Examples", "--slow 0:2");
    }

    private void assertError(String message, String... arguments) throws Exception {
        Cli.Outcome outcome = simulate(arguments);
        assertThat(outcome.code()).as(outcome.err() + outcome.out()).isEqualTo(USAGE);
        assertThat(outcome.err()).contains(message).doesNotContain("\tat ");
    }

    private Cli.Outcome simulate(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("simulate"));
        all.addAll(List.of(arguments));
        return Cli.run(directory, all.toArray(String[]::new));
    }
}
