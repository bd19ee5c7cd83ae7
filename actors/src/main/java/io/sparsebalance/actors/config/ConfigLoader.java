package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigResolveOptions;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Puts defaults, run file and overrides together, and reports everything that is wrong with them at once. */
public final class ConfigLoader {
    private static final String SECTION = "sparsebalance";
    private static final String PEKKO = "pekko";

    private ConfigLoader() {
    }

    /**
     * A run file as it stands, not yet checked.
     *
     * @throws io.sparsebalance.api.ConfigException if it is missing, cannot be read, or is not HOCON
     */
    public static Config parse(Path file) {
        String name = "run file " + file.toAbsolutePath().normalize();
        if (!Files.exists(file)) {
            throw error("there is no " + name + "; check --config, or leave it out to run with the defaults");
        }
        if (Files.isDirectory(file)) {
            throw error(name + " is a directory; name the file in it, or set data.source to train on its texts");
        }
        if (!Files.isReadable(file)) {
            throw error("cannot read " + name + ": permission denied; make it readable for this user");
        }
        try {
            // Profiles are included from the class path that holds this class, whatever the thread's own is.
            return ConfigFactory.parseFile(file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false)
                    .setClassLoader(ConfigLoader.class.getClassLoader()));
        } catch (ConfigException e) {
            throw error("cannot read " + name + ": " + e.getMessage());
        }
    }

    /**
     * Overrides, each {@code key=value}; the last one of a key wins.
     *
     * @throws io.sparsebalance.api.ConfigException if one is not of this form
     */
    public static Config overrides(List<String> overrides) {
        Config config = ConfigFactory.empty();
        for (String override : overrides) {
            config = Overrides.parse(override).withFallback(config);
        }
        return config;
    }

    /**
     * A checked configuration.
     *
     * @param user what differs from the defaults; its substitutions may name keys, defaults and environment variables
     * @throws io.sparsebalance.api.ConfigException with one line for each error
     */
    public static TrainingConfig load(Config user) {
        ConfigObject defaults = defaults();
        Config merged = resolve(user, defaults);
        List<String> errors = new ArrayList<>();
        for (KeyCheck.Fault fault : KeyCheck.faults(merged.root(), defaults)) {
            errors.add(fault.message());
            // Read on with the default, so that the other errors are found too.
            merged = merged.withoutPath(fault.path()).withFallback(defaults);
        }
        Values values = new Values(merged, defaults);
        String pekko = pekko(user, defaults);
        TrainingConfig config = Sections.read(values, text(merged, defaults, pekko), pekko);
        errors.addAll(values.errors());
        if (!errors.isEmpty()) {
            throw error(String.join("\n", errors));
        }
        return config;
    }

    private static String text(Config merged, ConfigObject defaults, String pekko) {
        String text = ConfigText.render(merged.root(), defaults);
        return pekko.isEmpty()
                ? text
                : text + "\n# The section pekko was set too. It is not repeated here, since it may hold secrets.\n";
    }

    private static ConfigObject defaults() {
        Config all = ConfigFactory.parseResources(ConfigLoader.class.getClassLoader(), "reference.conf");
        if (!all.root().containsKey(SECTION)) {
            throw error("the defaults of SparseBalance are missing from the class path: a reference.conf of another"
                    + " library has replaced ours; when jars are joined into one, append their reference.conf files");
        }
        return all.getConfig(SECTION).resolve().root();
    }

    private static Config resolve(Config user, ConfigObject defaults) {
        try {
            return user.withoutPath(PEKKO).withFallback(defaults).resolve();
        } catch (ConfigException e) {
            throw error("cannot resolve the configuration: " + e.getMessage()
                    + "; ${?NAME} instead of ${NAME} makes a variable optional");
        }
    }

    /** Settings for the actor system. What they take from Pekko's own defaults is left for it to resolve. */
    private static String pekko(Config user, ConfigObject defaults) {
        if (!user.root().containsKey(PEKKO)) {
            return "";
        }
        try {
            return user.withFallback(defaults).resolve(ConfigResolveOptions.defaults().setAllowUnresolved(true)).root()
                    .withOnlyKey(PEKKO).render(ConfigRenderOptions.defaults().setOriginComments(false).setJson(false));
        } catch (ConfigException e) {
            throw error("cannot resolve the section pekko: " + e.getMessage());
        }
    }

    private static io.sparsebalance.api.ConfigException error(String message) {
        return new io.sparsebalance.api.ConfigException(message);
    }
}
