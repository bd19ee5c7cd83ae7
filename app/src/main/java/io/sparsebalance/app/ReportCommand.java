package io.sparsebalance.app;

import io.sparsebalance.api.ConfigException;
import io.sparsebalance.app.report.ReportWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code report}. */
@Command(name = "report", mixinStandardHelpOptions = true, description = "Writes report.html of a run again, also of one in progress or broken off.")
final class ReportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Parameters(paramLabel = "RUN", arity = "0..1", defaultValue = "runs/latest", description = "Run directory; ${DEFAULT-VALUE} if left out.")
    private Path directory;

    @Override
    public Integer call() throws IOException {
        if (!Files.exists(directory.resolve("metrics.jsonl"))) {
            throw new ConfigException(
                    "there is no metrics.jsonl in " + directory.toAbsolutePath() + "; name the directory of a run");
        }
        spec.commandLine().getOut().println(ReportWriter.write(directory));
        return Main.OK;
    }
}
