package io.sparsebalance.app;

import io.sparsebalance.SparseBalance;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.TrainingResult;
import io.sparsebalance.api.TrainingRun;
import io.sparsebalance.data.DataException;
import java.io.PrintWriter;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code train}. */
@Command(name = "train", mixinStandardHelpOptions = true, sortOptions = false, description = {
    "Trains a model and writes a run directory with ledger, metrics, checkpoints and report.html.",
    "Without options: a small decoder on the Java sources that come with the JDK, two ranks, about three minutes."}, footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance train --set run.steps=20", "  sparsebalance train --config my-run.conf --set run.ranks=4",
        "  sparsebalance train --set data.source=/path/to/texts"})
final class TrainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;
    @Mixin
    private ConfigOptions options;
    @Option(names = {"-q", "--quiet"}, description = "Print only the result and errors.")
    private boolean quiet;
    @Option(names = "--debug", description = "Print the stack trace of a failure.")
    private boolean debug;

    @Override
    public Integer call() {
        TrainingConfig config = options.load();
        PrintWriter out = spec.commandLine().getOut();
        Console console = new Console(out, quiet,
                Optional.ofNullable(System.console()).map(java.io.Console::isTerminal).orElse(false));
        TrainingRun run = SparseBalance.train(config).listener(console).start();
        try (StopHook hook = new StopHook(run::stop, out,
                "stopping: the step in flight is finished, then a checkpoint is written", Main.STOPPED); run) {
            TrainingResult result = run.result().toCompletableFuture().join();
            RunReports.write(result.directory(), out);
            console.summary(result);
            out.flush();
            return hook.wasStopped() ? Main.STOPPED : Main.OK;
        } catch (CompletionException e) {
            return failed(e.getCause(), console, out);
        }
    }

    private int failed(Throwable failure, Console console, PrintWriter out) {
        PrintWriter err = spec.commandLine().getErr();
        console.endLine();
        err.println("error: " + failure.getMessage());
        if (debug) {
            failure.printStackTrace(err);
        }
        err.flush();
        console.directory().ifPresent(directory -> RunReports.write(directory, out));
        out.flush();
        Throwable cause = failure.getCause() == null ? failure : failure.getCause();
        return cause instanceof DataException ? Main.DATA : cause instanceof ConfigException ? Main.USAGE : Main.FAILED;
    }
}
