package io.sparsebalance.actors.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Finds keys that mean nothing, and sections where a value belongs or the other way round. */
final class KeyCheck {
    private final ConfigObject known;
    private final List<Fault> faults = new ArrayList<>();

    private KeyCheck(ConfigObject known) {
        this.known = known;
    }

    /**
     * A key that cannot be used.
     *
     * @param path of the key, quoted where HOCON asks for it
     * @param message names place, key, and what was probably meant
     */
    record Fault(String path, String message) {}

    /** The faults of {@code merged}, a resolved configuration, against the sections and keys of {@code known}. */
    static List<Fault> faults(ConfigObject merged, ConfigObject known) {
        KeyCheck check = new KeyCheck(known);
        check.section(merged, known, List.of());
        return check.faults;
    }

    private void section(ConfigObject actual, ConfigObject expected, List<String> path) {
        for (Map.Entry<String, ConfigValue> entry : KeyOrder.entries(actual)) {
            List<String> keyPath = new ArrayList<>(path);
            keyPath.add(entry.getKey());
            ConfigValue value = entry.getValue();
            ConfigValue wanted = expected.get(entry.getKey());
            if (wanted == null) {
                fault(value, keyPath, unknown(keyPath, expected));
            } else if (wanted instanceof ConfigObject section) {
                if (value instanceof ConfigObject inner) {
                    section(inner, section, keyPath);
                } else {
                    fault(value, keyPath, String.join(".", keyPath) + " is a section, not a single value; its keys are "
                            + String.join(", ", KeyOrder.names(section)));
                }
            } else if (value instanceof ConfigObject inner) {
                fault(value, keyPath, String.join(".", keyPath) + " is a single value, not a section"
                        + (inner.isEmpty() ? "" : ": it has no key " + inner.keySet().iterator().next()));
            }
        }
    }

    private void fault(ConfigValue value, List<String> path, String what) {
        faults.add(new Fault(ConfigUtil.joinPath(path), Places.of(value.origin()) + ": " + what));
    }

    private String unknown(List<String> path, ConfigObject section) {
        String message = "unknown key " + String.join(".", path);
        if (path.size() == 1 && path.getFirst().equals("sparsebalance")) {
            return message + "; write its sections (run, model, ...) at the root of the run file, not inside it";
        }
        String parent = String.join(".", path.subList(0, path.size() - 1));
        List<String> candidates = new ArrayList<>();
        for (String sibling : KeyOrder.names(section)) {
            candidates.add(parent.isEmpty() ? sibling : parent + "." + sibling);
        }
        List<String> elsewhere = new ArrayList<>();
        addLeaves(known, "", elsewhere);
        Optional<String> nearest = NearestName.of(path.getLast(), candidates)
                .or(() -> NearestName.of(path.getLast(), elsewhere));
        if (nearest.isPresent()) {
            return message + "; did you mean " + nearest.get() + "?";
        }
        return message + "; " + (parent.isEmpty() ? "the sections are " : parent + " has the keys ")
                + String.join(", ", KeyOrder.names(section));
    }

    private static void addLeaves(ConfigObject section, String path, List<String> leaves) {
        for (Map.Entry<String, ConfigValue> entry : KeyOrder.entries(section)) {
            String key = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
            if (entry.getValue() instanceof ConfigObject inner) {
                addLeaves(inner, key, leaves);
            } else {
                leaves.add(key);
            }
        }
    }
}
