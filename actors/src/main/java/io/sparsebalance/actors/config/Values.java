package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Typed, range-checked access to a configuration. Collects every error, so that all are reported at once. */
final class Values {
    private final Config config;
    private final List<String> errors = new ArrayList<>();

    Values(Config config) {
        this.config = config;
    }

    List<String> errors() {
        return errors;
    }

    int integer(String key, long low, long high) {
        long value = get(key, () -> config.getLong(key), low);
        range(key, value, low, high);
        return (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, value));
    }

    long whole(String key, long low, long high) {
        long value = get(key, () -> config.getLong(key), low);
        range(key, value, low, high);
        return value;
    }

    private void range(String key, long value, long low, long high) {
        if (value < low || value > high) {
            error(key,
                    "is " + value + ", must be " + (high == Long.MAX_VALUE ? "at least " + low : low + " to " + high));
        }
    }

    /** A number above {@code low} (or equal, if {@code lowIncluded}) and at most {@code high}. */
    double number(String key, double low, boolean lowIncluded, double high) {
        double value = get(key, () -> config.getDouble(key), Math.max(low, 0));
        boolean above = lowIncluded ? value >= low : value > low;
        if (!above || !(value <= high)) {
            String upper = high == Double.MAX_VALUE ? "" : " and at most " + high;
            error(key, "is " + value + ", must be " + (lowIncluded ? "at least " : "above ") + low + upper);
        }
        return value;
    }

    long bytes(String key) {
        long value = get(key, () -> config.getBytes(key), 1L);
        range(key, value, 1, Long.MAX_VALUE);
        return value;
    }

    Duration duration(String key) {
        Duration value = get(key, () -> config.getDuration(key), Duration.ofSeconds(1));
        if (value.isNegative() || value.isZero()) {
            error(key, "is " + value + ", must be above zero");
        }
        return value;
    }

    boolean flag(String key) {
        return get(key, () -> config.getBoolean(key), false);
    }

    String text(String key) {
        return get(key, () -> config.getString(key), "");
    }

    /** One of some words; answers the first if it is none of them. */
    String oneOf(String key, List<String> words) {
        String value = text(key);
        if (!words.contains(value)) {
            error(key, "is \"" + value + "\", must be one of " + String.join(", ", words));
            return words.getFirst();
        }
        return value;
    }

    List<Double> numbers(String key) {
        return get(key, () -> config.getDoubleList(key), List.of(0.5, 0.5));
    }

    /** Adds an error about a key. */
    void error(String key, String what) {
        String place = config.hasPath(key) ? KeyCheck.place(config.getValue(key).origin()) : "";
        errors.add(place + key + " " + what);
    }

    private <T> T get(String key, Supplier<T> read, T fallback) {
        try {
            return read.get();
        } catch (ConfigException.WrongType | ConfigException.BadValue e) {
            error(key, "is " + config.getValue(key).render() + ", which is not of the right type: " + e.getMessage());
        } catch (ConfigException.Missing e) {
            error(key, "has no value");
        }
        return fallback;
    }
}
