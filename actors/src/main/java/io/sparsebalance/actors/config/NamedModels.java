package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.List;

/**
 * Models known by name: resources {@code sparsebalance/models/NAME.conf} in the form of run files, which a run file may include
 * too. They hold shapes, not weights.
 */
public final class NamedModels {
    /** Names that {@link #of} knows. */
    public static final List<String> NAMES = List.of("qwen2.5-0.5b", "qwen2.5-3b", "qwen3-0.6b");

    private NamedModels() {
    }

    /**
     * Its keys, to lie under a user's.
     *
     * @throws io.sparsebalance.api.ConfigException if there is no such model; names the nearest
     */
    public static Config of(String name) {
        if (!NAMES.contains(name)) {
            throw new io.sparsebalance.api.ConfigException(
                    "there is no model '" + name + "'; " + NearestName.hint(name, NAMES));
        }
        return ConfigFactory.parseResources(NamedModels.class.getClassLoader(),
                "sparsebalance/models/" + name + ".conf");
    }
}
