package io.sparsebalance.actors.rundir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reading metrics, also of a run that goes on or was cut off. */
class MetricsReaderTest {
    @TempDir
    private Path directory;
    private final ObjectMapper json = Json.mapper();

    private List<String> lines(List<StepReport> into) throws IOException {
        SplittableRandom random = new SplittableRandom(21);
        List<String> lines = new ArrayList<>();
        for (int step = 1; step <= 3; step++) {
            into.add(Steps.report(step, random));
            lines.add(json.writeValueAsString(into.getLast()));
        }
        return lines;
    }

    @Test
    void readsEveryStepInOrder() throws IOException {
        List<StepReport> reports = new ArrayList<>();
        Path path = Files.write(directory.resolve("metrics.jsonl"), lines(reports));
        assertThat(MetricsReader.read(path)).isEqualTo(reports);
    }

    @Test
    void lastLineThatIsCutIsLeftOut() throws IOException {
        List<StepReport> reports = new ArrayList<>();
        byte[] bytes = String.join("\n", lines(reports)).getBytes(StandardCharsets.UTF_8);
        for (int cut = 1; cut < 200; cut += 7) {
            Path path = directory.resolve("metrics.jsonl");
            Files.write(path, Arrays.copyOf(bytes, bytes.length - cut));
            assertThat(MetricsReader.read(path)).isEqualTo(reports.subList(0, 2));
        }
    }

    @Test
    void otherLinesThatAreNotStepsAreRefusedWithTheirNumber() throws IOException {
        List<String> lines = lines(new ArrayList<>());
        for (String bad : List.of("{", "", "{\"step\":2}", lines.get(1) + " x", "[1]")) {
            Path path = directory.resolve("metrics.jsonl");
            Files.write(path, List.of(lines.get(0), bad, lines.get(2)));
            assertThatThrownBy(() -> MetricsReader.read(path)).as(bad).isInstanceOf(IOException.class)
                    .hasMessageContaining(path + " line 2 is not a step");
        }
    }

    @Test
    void bytesThatAreNotTextAreRefusedInTheMiddleAndLeftOutAtTheEnd() throws IOException {
        List<StepReport> reports = new ArrayList<>();
        String line = lines(reports).getFirst();
        Path path = directory.resolve("metrics.jsonl");
        byte[] noise = {(byte) 0xff, (byte) 0xfe, 0, 3};
        Files.write(path, (line + "\n").getBytes(StandardCharsets.UTF_8));
        Files.write(path, noise, StandardOpenOption.APPEND);
        assertThat(MetricsReader.read(path)).isEqualTo(reports.subList(0, 1));
        Files.writeString(path, "\n" + line + "\n", StandardOpenOption.APPEND);
        assertThatThrownBy(() -> MetricsReader.read(path)).hasMessageContaining("line 2 is not a step");
    }

    @Test
    void missingFileIsAnErrorThatNamesIt() {
        Path missing = directory.resolve("none.jsonl");
        assertThatThrownBy(() -> MetricsReader.read(missing)).isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining(missing.toString());
    }
}
