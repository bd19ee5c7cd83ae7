package io.sparsebalance.app;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** Options that say which configuration is meant. */
final class ConfigOptions {
    @Option(names = {"-c",
        "--config"}, paramLabel = "FILE", description = "Run file in HOCON; holds only what differs from the defaults.")
    private Path file;

    @Option(names = {"-s",
        "--set"}, paramLabel = "KEY=VALUE", description = "Sets one key, after the run file. May be given again.")
    private List<String> overrides = new ArrayList<>();

    /** Whether a configuration is meant at all, where a command has its own defaults. */
    boolean isGiven() {
        return file != null || !overrides.isEmpty();
    }

    /** The checked configuration. */
    TrainingConfig load() {
        return load(List.of());
    }

    /**
     * The checked configuration.
     *
     * @param last overrides after those of the user, each {@code key=value}
     */
    TrainingConfig load(List<String> last) {
        List<String> all = new ArrayList<>(overrides);
        all.addAll(last);
        return file == null ? TrainingConfigs.defaults(all) : TrainingConfigs.load(file, all);
    }

    /** The options as they were given, for another process. */
    List<String> arguments() {
        List<String> arguments = new ArrayList<>();
        if (file != null) {
            arguments.addAll(List.of("--config", file.toAbsolutePath().toString()));
        }
        overrides.forEach(override -> arguments.addAll(List.of("--set", override)));
        return arguments;
    }
}
