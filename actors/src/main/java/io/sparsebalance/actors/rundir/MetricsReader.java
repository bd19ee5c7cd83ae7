package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectReader;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code metrics.jsonl}. */
public final class MetricsReader {
    private MetricsReader() {
    }

    /**
     * All steps; a last line that was cut short is left out.
     *
     * @throws IOException if the file cannot be read, or another line is not a step; names the line
     */
    public static List<StepReport> read(Path path) throws IOException {
        ObjectReader reader = Json.mapper().readerFor(StepReport.class);
        List<String> lines = Files.readAllLines(path, StandardCharsets.UTF_8);
        List<StepReport> steps = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            try {
                steps.add(reader.readValue(lines.get(i)));
            } catch (JsonProcessingException e) {
                if (i < lines.size() - 1) {
                    throw new IOException(path + " line " + (i + 1) + " is not a step: " + e.getOriginalMessage(), e);
                }
            }
        }
        return steps;
    }
}
