package io.sparsebalance.actors.rundir;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectReader;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code metrics.jsonl}, also while a run writes it. */
public final class MetricsReader {
    private MetricsReader() {
    }

    /**
     * All steps; a last line that is not written whole is left out.
     *
     * @throws IOException if the file cannot be read, or another line is not a step; names the line
     */
    public static List<StepReport> read(Path path) throws IOException {
        ObjectReader reader = Json.mapper().readerFor(StepReport.class);
        List<StepReport> steps = new ArrayList<>();
        LineFile.read(path, line -> {
            try {
                steps.add(reader.readValue(line.bytes()));
            } catch (JsonProcessingException e) {
                if (!line.isTorn()) {
                    throw new IOException(path.toAbsolutePath().normalize() + " line " + line.number()
                            + " is not a step: " + e.getOriginalMessage()
                            + "; the file was changed, or was written by another version", e);
                }
            }
        });
        return steps;
    }
}
