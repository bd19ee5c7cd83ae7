package io.sparsebalance.app;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench}. */
@Command(name = "bench", mixinStandardHelpOptions = true, description = "Measures this machine.", subcommands = {
    BenchBalanceCommand.class, BenchCoverageCommand.class})
final class BenchCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which one? bench balance, bench coverage");
    }
}
