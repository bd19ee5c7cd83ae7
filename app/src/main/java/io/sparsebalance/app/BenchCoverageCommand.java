package io.sparsebalance.app;

import io.sparsebalance.actors.bench.CoverageBench;
import io.sparsebalance.actors.bench.CoveragePoint;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.app.report.CoveragePage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench coverage}. */
@Command(name = "coverage", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Compares the router's coverage, by which budgets are decided, with the dense attention mass that the kept blocks hold.",
    "Trains for some steps first, or begins from a run's checkpoint; looks at held-out documents."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance bench coverage --train-steps 200 --html coverage.html",
        "  sparsebalance bench coverage --checkpoint runs/latest/checkpoints --train-steps 0"})
final class BenchCoverageCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = "--train-steps", paramLabel = "N", defaultValue = "200", description = "Steps of one document each before the comparison. Default: ${DEFAULT-VALUE}.")
    private int trainSteps;
    @Option(names = "--checkpoint", paramLabel = "DIR", description = "Directory of checkpoints of a run of this model to begin from.")
    private Path checkpoint;
    @Option(names = "--documents", paramLabel = "N", defaultValue = "40", description = "Held-out documents to look at. Default: ${DEFAULT-VALUE}.")
    private int documents;
    @Option(names = "--html", paramLabel = "FILE", defaultValue = "coverage.html", description = "Page with pictures. Default: ${DEFAULT-VALUE}.")
    private Path html;
    @Option(names = "--svg", paramLabel = "FILE", description = "Write the page's first picture, coverage against mass, as a file of its own.")
    private Path svg;

    @Override
    public Integer call() throws IOException {
        if (trainSteps < 0 || documents < 1) {
            throw new ConfigException("--train-steps must be at least 0 and --documents at least 1");
        }
        TrainingConfig config = options.loadToMeasure(
                List.of("run.ranks=1", "run.steps=" + Math.max(1, trainSteps)));
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        ProgressLine line = ProgressLine.on(err);
        AtomicBoolean stop = new AtomicBoolean();
        try (StopHook hook = new StopHook(() -> stop.set(true), err, "stopping after the document that is running",
                Main.STOPPED)) {
            List<CoveragePoint> points = new CoverageBench(config, trainSteps, Optional.ofNullable(checkpoint),
                    documents).run(line::show, stop::get);
            line.end();
            if (points.isEmpty()) {
                out.println("no document was looked at that is longer than the smallest budget covers; raise"
                        + " data.max-document-tokens or lower attention.k-min");
            } else {
                CoveragePage page = new CoveragePage(points);
                write(html, page.html(conditions()));
                if (svg != null) {
                    write(svg, page.picture());
                }
                out.print(page.summary());
                out.println("page " + html);
            }
            out.flush();
            return hook.wasStopped() ? Main.STOPPED : Main.OK;
        } finally {
            line.end();
        }
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.writeString(file, text);
    }

    private String conditions() {
        return (checkpoint == null ? "From initial parameters, " : "From the checkpoint in " + checkpoint + ", ")
                + trainSteps + " steps of training on one document each; then up to " + documents
                + " held-out documents, every row and head.";
    }
}
