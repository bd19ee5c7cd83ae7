package io.sparsebalance.app;

import io.sparsebalance.app.report.ReportWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes the report of a run that has ended. */
final class RunReports {
    private RunReports() {
    }

    /** Writes {@code report.html} if the run has committed a step; what goes wrong is said and harms nothing. */
    static void write(Path directory, PrintWriter out) {
        try {
            if (Files.exists(directory.resolve("metrics.jsonl"))
                    && Files.size(directory.resolve("metrics.jsonl")) > 0) {
                ReportWriter.write(directory);
            }
        } catch (IOException | UncheckedIOException e) {
            out.println("the report could not be written: " + e.getMessage());
        }
    }
}
