package io.sparsebalance.actors.profile;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigValue;
import io.sparsebalance.actors.config.ConfigLoader;
import io.sparsebalance.api.TrainingConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The command line that measures the table of a configuration: with every key that a latency depends on. */
final class RenewCommand {
    private static final List<String> SECTIONS = List.of("model.", "attention.", "device.");
    private static final List<String> KEYS = List.of("run.ranks", "data.max-document-tokens", "batch.token-cap");

    private RenewCommand() {
    }

    static String of(TrainingConfig config, Path file) {
        Config defaults = ConfigFactory.parseString(ConfigLoader.load(ConfigFactory.empty()).text());
        Map<String, ConfigValue> set = new TreeMap<>();
        for (Map.Entry<String, ConfigValue> entry : ConfigFactory.parseString(config.text()).entrySet()) {
            String key = entry.getKey();
            boolean matters = KEYS.contains(key) || SECTIONS.stream().anyMatch(key::startsWith);
            if (matters && !entry.getValue().unwrapped().equals(defaults.getValue(key).unwrapped())) {
                set.put(key, entry.getValue());
            }
        }
        StringBuilder command = new StringBuilder("sparsebalance profile --output " + quoted(file.toString()));
        set.forEach((key, value) -> command.append(" --set ")
                .append(quoted(key + "=" + value.render(ConfigRenderOptions.concise()).replace("\"", ""))));
        return command.toString();
    }

    private static String quoted(String word) {
        return word.matches("[\\w./:=,@+-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
