package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Typed, range-checked access to a configuration. Collects every error, so that all are reported at once; what is answered
 * for a key in error is in range, so that reading can go on. One thread.
 */
final class Values {
    private final Config config;
    private final ConfigObject defaults;
    private final List<String> errors = new ArrayList<>();
    private final Set<String> faulty = new HashSet<>();

    /** @param config with every key of {@code defaults} */
    Values(Config config, ConfigObject defaults) {
        this.config = config;
        this.defaults = defaults;
    }

    List<String> errors() {
        return errors;
    }

    /** A whole number in a range. */
    int integer(String key, int low, int high) {
        return (int) whole(key, low, high);
    }

    /** A whole number in a range. Read exactly: the library would drop a fraction in silence. */
    long whole(String key, long low, long high) {
        String allowed = "a whole number" + (low == Long.MIN_VALUE
                ? " of 64 bits"
                : high == Long.MAX_VALUE ? ", at least " + low : ", " + low + " to " + high);
        Optional<BigDecimal> number = decimal(key, allowed);
        if (number.isEmpty()) {
            return low;
        }
        long value;
        try {
            value = number.get().longValueExact();
        } catch (ArithmeticException e) {
            return outOfRange(key, allowed, low);
        }
        return value >= low && value <= high ? value : outOfRange(key, allowed, low);
    }

    private <T> T outOfRange(String key, String allowed, T fallback) {
        error(key, "must be " + allowed);
        return fallback;
    }

    /** A number in a range. */
    double number(String key, Range range) {
        double value = decimal(key, range.toString()).map(BigDecimal::doubleValue).orElse(range.example());
        return range.contains(value) ? value : outOfRange(key, range.toString(), range.example());
    }

    /** A list of as many numbers as there are ranges. */
    List<Double> numbers(String key, int size, Range range) {
        List<Double> numbers = new ArrayList<>();
        String allowed = "a list of " + size + " numbers, each " + range;
        if (at(config.root(), key) instanceof ConfigList list && list.size() == size) {
            for (ConfigValue element : list) {
                Optional<BigDecimal> number = decimal(String.valueOf(element.unwrapped()));
                if (number.isEmpty() || !range.contains(number.get().doubleValue())) {
                    break;
                }
                numbers.add(number.get().doubleValue());
            }
        }
        if (numbers.size() != size) {
            error(key, "must be " + allowed);
            return Collections.nCopies(size, range.example());
        }
        return numbers;
    }

    private Optional<BigDecimal> decimal(String key, String allowed) {
        ConfigValue value = at(config.root(), key);
        boolean scalar = value.valueType() == ConfigValueType.NUMBER || value.valueType() == ConfigValueType.STRING;
        Optional<BigDecimal> number = scalar ? decimal(config.getString(key)) : Optional.empty();
        if (number.isEmpty()) {
            error(key, "must be " + allowed);
        }
        return number;
    }

    private static Optional<BigDecimal> decimal(String text) {
        try {
            return Optional.of(new BigDecimal(text.strip()));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** A number of bytes, at least 1. */
    long bytes(String key) {
        try {
            long value = config.getBytes(key);
            return value >= 1 ? value : outOfRange(key, "at least 1 byte", 1L);
        } catch (ConfigException e) {
            return outOfRange(key, "a number of bytes, for example 16MiB", 1L);
        }
    }

    /** A number of bytes, or 0 for none given. */
    long bytesOrNone(String key) {
        try {
            long value = config.getBytes(key);
            return value >= 0 ? value : outOfRange(key, "0, or a number of bytes", 0L);
        } catch (ConfigException e) {
            return outOfRange(key, "0, or a number of bytes, for example 20GiB", 0L);
        }
    }

    /** A time span with its unit: a bare number would be taken as milliseconds, which nobody who writes 120 means. */
    Duration duration(String key, Duration low, Duration high) {
        String allowed = "a time with its unit, " + words(low) + " to " + words(high);
        try {
            if (at(config.root(), key).valueType() == ConfigValueType.STRING
                    && decimal(config.getString(key)).isEmpty()) {
                Duration value = config.getDuration(key);
                return value.compareTo(low) >= 0 && value.compareTo(high) <= 0 ? value : outOfRange(key, allowed, low);
            }
        } catch (ConfigException e) {
            return outOfRange(key, allowed, low);
        }
        return outOfRange(key, allowed, low);
    }

    private static String words(Duration duration) {
        return duration.toDays() > 0 ? duration.toDays() + "d" : duration.toMillis() + "ms";
    }

    boolean flag(String key) {
        try {
            return config.getBoolean(key);
        } catch (ConfigException e) {
            return outOfRange(key, "true or false", false);
        }
    }

    /** Any text, empty too. */
    String text(String key) {
        try {
            return config.getString(key);
        } catch (ConfigException e) {
            return outOfRange(key, "text", "");
        }
    }

    /** One of some words; answers the first if it is none of them. */
    String oneOf(String key, List<String> words) {
        String value = text(key);
        if (words.contains(value)) {
            return value;
        }
        String hint = NearestName.of(value, words).map(near -> "; did you mean " + near + "?").orElse("");
        return outOfRange(key, "one of " + String.join(", ", words) + hint, words.getFirst());
    }

    /** A constant by its name in kebab-case. */
    <E extends Enum<E>> E constant(String key, Class<E> type) {
        List<E> constants = List.of(type.getEnumConstants());
        List<String> words = constants.stream().map(Values::word).toList();
        return constants.get(words.indexOf(oneOf(key, words)));
    }

    /** A list of texts. */
    List<String> texts(String key) {
        try {
            return config.getStringList(key);
        } catch (ConfigException e) {
            return outOfRange(key, "a list of texts", List.of());
        }
    }

    /** A list of different constants by their names in kebab-case. */
    <E extends Enum<E>> List<E> constants(String key, Class<E> type) {
        List<E> constants = List.of(type.getEnumConstants());
        List<String> words = constants.stream().map(Values::word).toList();
        List<String> given = texts(key);
        if (!words.containsAll(given) || new HashSet<>(given).size() < given.size()) {
            return outOfRange(key, "a list of some of " + String.join(", ", words), constants);
        }
        return given.stream().map(word -> constants.get(words.indexOf(word))).toList();
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** A path; {@code ~} at its beginning is the user's home directory. A relative one starts at the working directory. */
    Path path(String key) {
        String text = text(key);
        if (text.isBlank()) {
            return outOfRange(key, "a path", Path.of(""));
        }
        try {
            return text.equals("~") || text.startsWith("~/")
                    ? Path.of(System.getProperty("user.home") + text.substring(1))
                    : Path.of(text);
        } catch (InvalidPathException e) {
            return outOfRange(key, "a path: " + e.getReason(), Path.of(""));
        }
    }

    /** A path, or empty text for none. */
    Optional<Path> optionalPath(String key) {
        return text(key).isEmpty() ? Optional.empty() : Optional.of(path(key));
    }

    /** Adds an error about a key: its place, name and value, then {@code what} it must be. Only the first of a key counts. */
    void error(String key, String what) {
        if (faulty.add(key)) {
            ConfigValue value = at(config.root(), key);
            errors.add(place(value, key) + key + " is " + ConfigText.literal(value) + ", " + what);
        }
    }

    /**
     * Adds an error about two keys that do not go together, at the place of the one that was set; not if one of them is wrong by
     * itself.
     *
     * @param what the value of {@code key} must be, in relation to that of {@code other}: "at most", "a multiple of"
     * @param why appended; empty if the names say it
     */
    void mismatch(String key, String other, String what, String why) {
        if (faulty.contains(key) || faulty.contains(other)) {
            return;
        }
        String place = place(at(config.root(), key), key);
        errors.add((place.isEmpty() ? place(at(config.root(), other), other) : place) + key + " is "
                + ConfigText.literal(at(config.root(), key)) + ", must be " + what + " " + other + " = "
                + ConfigText.literal(at(config.root(), other)) + why);
    }

    private String place(ConfigValue value, String key) {
        return ConfigText.isSet(value, at(defaults, key)) ? Places.of(value.origin()) + ": " : "";
    }

    /** A value by its path; unlike the library's look-up, also one that is null. */
    private static ConfigValue at(ConfigObject root, String key) {
        ConfigValue value = root;
        for (String name : ConfigUtil.splitPath(key)) {
            value = ((ConfigObject) value).get(name);
        }
        return value;
    }
}
