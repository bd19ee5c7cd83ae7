package io.sparsebalance.app;

import io.sparsebalance.actors.config.NearestName;
import io.sparsebalance.api.ConfigException;
import io.sparsebalance.policies.workload.LengthGenerators;
import io.sparsebalance.policies.workload.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Document lengths as options name them. Wrong ones end in a {@link ConfigException} that names the option and the nearest list. */
final class LengthLists {
    private LengthLists() {
    }

    /** A named list, {@code NAME} or {@code NAME:SHARE}. */
    static Workload named(String option, String text) {
        String name = name(text);
        if (!LengthGenerators.NAMES.contains(name)) {
            throw new ConfigException(option + ": there is no list '" + name + "'; "
                    + NearestName.hint(name, LengthGenerators.NAMES));
        }
        try {
            return Workload.Named.parse(text);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(option + ": " + e.getMessage());
        }
    }

    /** A named list, or else a file of lengths. */
    static Workload namedOrFile(String option, String text) {
        if (LengthGenerators.NAMES.contains(name(text))) {
            return named(option, text);
        }
        Path file = Path.of(text);
        if (!Files.exists(file)) {
            throw new ConfigException(option + ": there is no file '" + text + "', nor a list of that name; "
                    + NearestName.hint(name(text), LengthGenerators.NAMES));
        }
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new ConfigException(option + ": " + file + (Files.isReadable(file)
                    ? " is no file; name a text file with one document length a line"
                    : " cannot be read: permission denied"));
        }
        try {
            return Workload.Listed.read(file);
        } catch (IOException e) {
            throw new ConfigException(option + ": " + file + " cannot be read: " + e.getMessage());
        } catch (IllegalArgumentException e) {
            throw new ConfigException(option + ": " + e.getMessage());
        }
    }

    private static String name(String text) {
        int colon = text.indexOf(':');
        return colon < 0 ? text : text.substring(0, colon);
    }
}
