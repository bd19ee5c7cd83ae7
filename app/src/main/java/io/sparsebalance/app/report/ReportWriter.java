package io.sparsebalance.app.report;

import io.sparsebalance.actors.rundir.MetricsReader;
import io.sparsebalance.api.StepReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Writes {@code report.html} of a run directory. */
public final class ReportWriter {
    private ReportWriter() {
    }

    /**
     * Writes the report from the metrics.
     *
     * @return the file
     * @throws IOException if metrics cannot be read or the report cannot be written
     */
    public static Path write(Path directory) throws IOException {
        List<StepReport> steps = MetricsReader.read(directory.resolve("metrics.jsonl"));
        if (steps.isEmpty()) {
            throw new IOException(directory.resolve("metrics.jsonl") + " holds no step yet");
        }
        Path report = directory.resolve("report.html");
        Path temporary = directory.resolve(".report.html.tmp");
        Files.writeString(temporary, new RunReport(directory.toRealPath().getFileName().toString(), steps).html());
        Files.move(temporary, report, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return report;
    }
}
