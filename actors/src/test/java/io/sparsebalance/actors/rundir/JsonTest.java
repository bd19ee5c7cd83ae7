package io.sparsebalance.actors.rundir;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparsebalance.api.RunInfo;
import io.sparsebalance.api.StepReport;
import io.sparsebalance.api.TrainingResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Records as JSON and back. */
class JsonTest {
    private final ObjectMapper json = Json.mapper();

    @Test
    void stepReportsComeBackBitForBit() throws IOException {
        SplittableRandom random = new SplittableRandom(11);
        for (int step = 1; step <= 300; step++) {
            StepReport report = Steps.report(step, random);
            String text = json.writeValueAsString(report);
            assertThat(text).doesNotContain("\n");
            assertThat(json.readValue(text, StepReport.class)).isEqualTo(report);
        }
    }

    @Test
    void ledgerEntriesComeBackBitForBit() throws IOException {
        SplittableRandom random = new SplittableRandom(12);
        for (int step = 1; step <= 300; step++) {
            LedgerEntry entry = Steps.entry(step, random);
            assertThat(json.readValue(json.writeValueAsString(entry), LedgerEntry.class)).isEqualTo(entry);
        }
    }

    @Test
    void emptyOptionalIsNullAndPathIsText() throws IOException {
        TrainingResult result = new TrainingResult(Path.of("runs", "a"), 3, true, 1.5, OptionalDouble.empty(), 1.1, 0.4,
                1e5, 12.5, "00ff", 0);
        JsonNode tree = json.readTree(json.writeValueAsString(result));
        assertThat(tree.get("heldOutLoss").isNull()).isTrue();
        assertThat(tree.get("directory").asText()).isEqualTo(Path.of("runs", "a").toString());
        assertThat(json.readValue(json.writeValueAsString(result), TrainingResult.class)).isEqualTo(result);
    }

    @Test
    void runInfoComesBack() throws IOException {
        RunInfo info = new RunInfo("id", Path.of("runs/x"), 10, 2, 1L << 33, 5, 6, 7, "abc", "cpu", "measured",
                new RunInfo.Documents(20, 8192, 3, 0, 1, 2, 4));
        assertThat(json.readValue(json.writeValueAsString(info), RunInfo.class)).isEqualTo(info);
    }

    @Test
    void fieldsOfLaterVersionsAreIgnoredAndMissingOptionalsAreEmpty() throws IOException {
        StepReport report = Steps.report(1, new SplittableRandom(13));
        com.fasterxml.jackson.databind.node.ObjectNode tree = json.valueToTree(report);
        tree.put("later", 3);
        tree.remove("heldOutLoss");
        assertThat(json.treeToValue(tree, StepReport.class).heldOutLoss()).isEmpty();
    }
}
