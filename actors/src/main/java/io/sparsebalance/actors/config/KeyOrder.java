package io.sparsebalance.actors.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** A section's keys in the order in which they were written: the library forgets it, but keeps the lines. */
final class KeyOrder {
    private KeyOrder() {
    }

    static List<Map.Entry<String, ConfigValue>> entries(ConfigObject section) {
        Comparator<Map.Entry<String, ConfigValue>> byLine = Comparator
                .comparingInt(entry -> entry.getValue().origin().lineNumber());
        return section.entrySet().stream().sorted(byLine.thenComparing(Map.Entry::getKey)).toList();
    }

    static List<String> names(ConfigObject section) {
        return entries(section).stream().map(Map.Entry::getKey).toList();
    }
}
