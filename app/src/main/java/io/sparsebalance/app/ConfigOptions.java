package io.sparsebalance.app;

import io.sparsebalance.TrainingConfigs;
import io.sparsebalance.api.TrainingConfig;
import io.sparsebalance.api.ConfigException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Options that say which configuration is meant. */
final class ConfigOptions {
    @Option(names = {"-c",
        "--config"}, paramLabel = "FILE", description = "Run file in HOCON; holds only what differs from the defaults.")
    private Path file;

    @Option(names = "--model", paramLabel = "NAME", description = "Shape of a published model, with attention in 32 blocks of 256 and documents of up to 131072 tokens: qwen2.5-0.5b, qwen2.5-3b or qwen3-0.6b; after the run file, before --set.")
    private String model;
    @Option(names = {"-s",
        "--set"}, paramLabel = "KEY=VALUE", description = "Sets one key, after the run file. May be given again.")
    private List<String> overrides = new ArrayList<>();

    /** Name of a published model, if one was given. */
    Optional<String> model() {
        return Optional.ofNullable(model);
    }

    /** Whether a run is meant at all, where a command has its own defaults. */
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
        return TrainingConfigs.load(Optional.ofNullable(file), model(), all);
    }

    /**
     * As {@link #load(List)}, for commands that measure.
     *
     * @throws ConfigException also if the device computes nothing
     */
    TrainingConfig loadToMeasure(List<String> last) {
        TrainingConfig config = load(last);
        if (config.device().kind().equals("noop")) {
            throw new ConfigException("device.kind=noop computes nothing that could be measured; set another one");
        }
        return config;
    }

    /** The options as they were given, for another process. */
    List<String> arguments() {
        List<String> arguments = new ArrayList<>();
        if (file != null) {
            arguments.addAll(List.of("--config", file.toAbsolutePath().toString()));
        }
        if (model != null) {
            arguments.addAll(List.of("--model", model));
        }
        overrides.forEach(override -> arguments.addAll(List.of("--set", override)));
        return arguments;
    }
}
