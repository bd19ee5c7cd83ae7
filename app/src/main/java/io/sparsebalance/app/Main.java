package io.sparsebalance.app;

import io.sparsebalance.api.ConfigException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** Entry of the command line. */
@Command(name = "sparsebalance", mixinStandardHelpOptions = true, versionProvider = Version.class, subcommands = {
    TrainCommand.class, LaunchCommand.class, NodeCommand.class, ChaosCommand.class, ProfileCommand.class,
    SimulateCommand.class,
    BenchCommand.class, ConfigCommand.class,
    ReportCommand.class, DoctorCommand.class, CertsCommand.class,
    CommandLine.HelpCommand.class}, description = "Trains block-sparse-attention models on ranks that are kept in balance.", synopsisSubcommandLabel = "COMMAND", footerHeading = "%nExamples:%n", footer = {
        "  sparsebalance train", "  sparsebalance train --set data.source=/path/to/texts --set run.steps=300",
        "  sparsebalance simulate --workload longalign",
        "  sparsebalance config show"}, exitCodeListHeading = "%nExit codes:%n", exitCodeList = {"0:done",
            "1:the run failed", "2:wrong arguments or configuration", "3:text or token store cannot be used",
            "4:this node was lost to the others, which go on without it",
            "130:stopped by Ctrl-C, after the step and a checkpoint"})
public final class Main implements Runnable {
    /** Done. */
    static final int OK = 0;
    /** The run failed. */
    static final int FAILED = 1;
    /** Wrong arguments or configuration. */
    static final int USAGE = 2;
    /** Text or token store cannot be used. */
    static final int DATA = 3;
    /** The other nodes go on without this one. */
    static final int EXPELLED = 4;
    /** Stopped by a signal. */
    static final int STOPPED = 130;

    @Spec
    private CommandSpec spec;

    /** Runs the command line and ends the process with its exit code. */
    public static void main(String[] args) {
        int code = commandLine().execute(args);
        // During a shutdown by signal, exit would wait for the hook that waits for this thread.
        if (!StopHook.isRunning()) {
            System.exit(code);
        }
    }

    /** The command line without the exit; tests use it. */
    static CommandLine commandLine() {
        return new CommandLine(new Main()).setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler((e, arguments) -> wrongArguments(e))
                .setExecutionExceptionHandler((e, commandLine, parsed) -> {
                    PrintWriter err = commandLine.getErr();
                    if (e instanceof ConfigException) {
                        for (String line : e.getMessage().lines().toList()) {
                            err.println("error: " + line);
                        }
                        err.flush();
                        return USAGE;
                    }
                    err.println("error: " + (e.getMessage() == null ? e.toString() : e.getMessage()));
                    err.flush();
                    return FAILED;
                });
    }

    /** What is wrong and where the options are told; not all of them, among which the error would be lost. */
    private static int wrongArguments(CommandLine.ParameterException e) {
        CommandLine commandLine = e.getCommandLine();
        PrintWriter err = commandLine.getErr();
        CommandSpec command = commandLine.getCommandSpec();
        err.println("error: " + e.getMessage());
        boolean isUnmatched = e instanceof UnmatchedArgumentException;
        if (!isUnmatched && !commandLine.getSubcommands().isEmpty()) {
            commandLine.usage(err);
        } else {
            UnmatchedArgumentException.printSuggestions(e, err);
            if (isUnmatched && command.findOption("--set") != null) {
                err.println("keys of a run are set with --set KEY=VALUE; 'sparsebalance config show' tells them all");
            }
            err.println("options are told by '" + command.qualifiedName() + " --help'");
        }
        err.flush();
        return USAGE;
    }

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "which command? " + commands());
    }

    private String commands() {
        return String.join(", ", spec.subcommands().keySet());
    }
}
