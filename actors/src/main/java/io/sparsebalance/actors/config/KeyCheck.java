package io.sparsebalance.actors.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/** Finds keys that mean nothing, and the known key that was probably meant. */
final class KeyCheck {
    private KeyCheck() {
    }

    /** One message for each unknown key of {@code user}, in {@code known}'s terms. */
    static List<String> unknownKeys(ConfigObject user, ConfigObject known) {
        List<String> messages = new ArrayList<>();
        check(user, known, known, "", messages);
        return messages;
    }

    private static void check(ConfigObject user, ConfigObject known, ConfigObject root, String path,
            List<String> messages) {
        for (Map.Entry<String, ConfigValue> entry : user.entrySet()) {
            String key = path.isEmpty() ? entry.getKey() : path + "." + entry.getKey();
            ConfigValue expected = known.get(entry.getKey());
            if (expected == null) {
                messages.add(unknown(key, entry.getValue().origin(), known, root, path));
            } else if (expected instanceof ConfigObject section) {
                if (entry.getValue() instanceof ConfigObject inner) {
                    check(inner, section, root, key, messages);
                } else {
                    messages.add(place(entry.getValue().origin()) + key + " is a section with the keys "
                            + String.join(", ", sorted(section.keySet())) + ", not a single value");
                }
            } else if (entry.getValue() instanceof ConfigObject) {
                messages.add(place(entry.getValue().origin()) + key + " is a single value, not a section");
            }
        }
    }

    private static String unknown(String key, ConfigOrigin origin, ConfigObject section, ConfigObject root,
            String path) {
        String name = key.substring(key.lastIndexOf('.') + 1);
        String nearest = null;
        int distance = Integer.MAX_VALUE;
        List<String> candidates = new ArrayList<>();
        for (String sibling : sorted(section.keySet())) {
            candidates.add(path.isEmpty() ? sibling : path + "." + sibling);
        }
        candidates.addAll(leaves(root, ""));
        for (String candidate : candidates) {
            int cost = distance(name, candidate.substring(candidate.lastIndexOf('.') + 1));
            if (cost < distance) {
                distance = cost;
                nearest = candidate;
            }
        }
        return place(origin) + "unknown key " + key + "; did you mean " + nearest + "?";
    }

    private static List<String> leaves(ConfigObject section, String path) {
        List<String> leaves = new ArrayList<>();
        for (String name : sorted(section.keySet())) {
            String key = path.isEmpty() ? name : path + "." + name;
            if (section.get(name) instanceof ConfigObject inner) {
                leaves.addAll(leaves(inner, key));
            } else {
                leaves.add(key);
            }
        }
        return leaves;
    }

    private static List<String> sorted(Collection<String> names) {
        return names.stream().sorted().toList();
    }

    /** Where a value was written, as a prefix of a message. */
    static String place(ConfigOrigin origin) {
        String where = origin.filename() != null ? origin.filename() : origin.description();
        return where + (origin.lineNumber() > 0 ? ":" + origin.lineNumber() : "") + ": ";
    }

    /** Levenshtein's distance. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(substituted, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }
}
