package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigSyntax;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Puts defaults, run file and overrides together. */
public final class ConfigLoader {
    private static final String SECTION = "sparsebalance";
    private static final String PEKKO = "pekko";

    private ConfigLoader() {
    }

    /** A run file as it stands. */
    public static Config parse(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new ConfigException(
                    "there is no run file " + file.toAbsolutePath() + "; check --config, or leave it out to run with"
                            + " the defaults");
        }
        try {
            return ConfigFactory.parseFile(file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false));
        } catch (com.typesafe.config.ConfigException e) {
            throw new ConfigException("cannot read run file " + file + ": " + e.getMessage());
        }
    }

    /** Overrides, each {@code key=value}. */
    public static Config overrides(List<String> overrides) {
        Config config = ConfigFactory.empty();
        for (String override : overrides) {
            int equals = override.indexOf('=');
            if (equals < 1) {
                throw new ConfigException("--set " + override + " must be key=value, for example --set run.steps=50");
            }
            config = one(override.substring(0, equals).strip(), override.substring(equals + 1).strip(), override)
                    .withFallback(config);
        }
        return config;
    }

    private static Config one(String key, String value, String override) {
        ConfigParseOptions options = ConfigParseOptions.defaults().setSyntax(ConfigSyntax.CONF)
                .setOriginDescription("--set " + override);
        try {
            return ConfigFactory.parseString(key + " = " + value, options);
        } catch (com.typesafe.config.ConfigException e) {
            // A value with characters that mean something in HOCON, such as a path or a time, is taken as text.
            try {
                return ConfigFactory.parseString(key + " = " + com.typesafe.config.ConfigUtil.quoteString(value),
                        options);
            } catch (com.typesafe.config.ConfigException bad) {
                throw new ConfigException("--set " + override + " must be key=value: " + bad.getMessage());
            }
        }
    }

    /**
     * A checked configuration.
     *
     * @param user what differs from the defaults
     * @throws ConfigException with one line for each error
     */
    public static TrainingConfig load(Config user) {
        Config defaults = ConfigFactory.parseResources(ConfigLoader.class.getClassLoader(), "reference.conf")
                .getConfig(SECTION);
        Config own = user.withoutPath(PEKKO);
        List<String> errors = new ArrayList<>(KeyCheck.unknownKeys(own.root(), defaults.root()));
        if (!errors.isEmpty()) {
            throw new ConfigException(String.join("\n", errors));
        }
        Config merged;
        try {
            merged = own.withFallback(defaults).resolve();
        } catch (com.typesafe.config.ConfigException e) {
            throw new ConfigException("cannot resolve the configuration: " + e.getMessage());
        }
        String pekko = user.hasPath(PEKKO) ? user.withOnlyPath(PEKKO).resolve().root().render() : "";
        Values values = new Values(merged);
        TrainingConfig config = Sections.read(values, render(merged), pekko);
        if (!values.errors().isEmpty()) {
            throw new ConfigException(String.join("\n", values.errors()));
        }
        return config;
    }

    private static String render(Config config) {
        return config.root()
                .render(ConfigRenderOptions.defaults().setOriginComments(false).setComments(true).setJson(false));
    }
}
