package io.sparsebalance.app;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code config show}. */
@Command(name = "config", mixinStandardHelpOptions = true, description = "Shows and checks configurations.", subcommands = ConfigCommand.Show.class)
final class ConfigCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which one? config show");
    }

    /** Prints every key with its value and meaning. */
    @Command(name = "show", mixinStandardHelpOptions = true, description = "Prints every key with its value, as a run would use it. Fails if the configuration is wrong.")
    static final class Show implements Callable<Integer> {
        @Spec
        private CommandSpec spec;
        @Mixin
        private ConfigOptions options;

        @Override
        public Integer call() {
            spec.commandLine().getOut().println(options.load().text());
            return Main.OK;
        }
    }
}
