package io.sparsebalance;

import com.typesafe.config.Config;
import io.sparsebalance.actors.config.ConfigLoader;
import io.sparsebalance.actors.config.NamedModels;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Reads run configurations. Later wins: defaults, run file, overrides. Every method throws {@link ConfigException} with a line
 * for each error: an unknown key and the nearest known one, a value of the wrong type or out of range.
 */
public final class TrainingConfigs {
    private TrainingConfigs() {
    }

    /**
     * The defaults with overrides.
     *
     * @param overrides each {@code key=value}, for example {@code run.steps=50}
     */
    public static TrainingConfig defaults(List<String> overrides) {
        return ConfigLoader.load(ConfigLoader.overrides(overrides));
    }

    /** A run file in HOCON with overrides. */
    public static TrainingConfig load(Path runFile, List<String> overrides) {
        return ConfigLoader.load(ConfigLoader.overrides(overrides).withFallback(ConfigLoader.parse(runFile)));
    }

    /**
     * With a model known by name, between run file and overrides: it sets the model's shape, its attention and the length of its
     * documents.
     *
     * @param runFile in HOCON; empty for the defaults
     * @param model one of {@link NamedModels#NAMES}; empty for none
     */
    public static TrainingConfig load(Optional<Path> runFile, Optional<String> model, List<String> overrides) {
        Config user = ConfigLoader.overrides(overrides);
        if (model.isPresent()) {
            user = user.withFallback(NamedModels.of(model.get()));
        }
        return ConfigLoader.load(runFile.isPresent() ? user.withFallback(ConfigLoader.parse(runFile.get())) : user);
    }

    /** A configuration that the host application made; sections as in a run file. */
    public static TrainingConfig of(Config user) {
        return ConfigLoader.load(user);
    }

    /**
     * The whole configuration as a run file: every key with its meaning, and for each key that was set, where and over which
     * default. Loading the text again gives the same configuration, but for {@link TrainingConfig#pekko()}, which it leaves
     * out.
     */
    public static String render(TrainingConfig config) {
        return config.text();
    }
}
