package io.sparsebalance.actors.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigUtil;
import java.util.regex.Pattern;

/** Settings of the command line, each {@code key=value}. */
final class Overrides {
    /** How a place in an override is described; followed by the override. */
    static final String PLACE = "--set ";

    private static final String VALUE = "value";
    private static final Pattern HOCON = Pattern.compile("(?s)[\\[{\"].*|.*\\$\\{.*");
    private static final Pattern LITERAL = Pattern.compile("true|false|-?\\d+(\\.\\d+)?([eE][-+]?\\d+)?");

    private Overrides() {
    }

    /**
     * One override. A value that starts as a list, a section or quoted text, or that holds a substitution, is read as HOCON.
     * Any other value is taken as it stands, so that paths and addresses need no quotes.
     */
    static Config parse(String override) {
        int equals = override.indexOf('=');
        if (equals < 1) {
            throw malformed(override, "there is no '=' after a key");
        }
        String key = override.substring(0, equals).strip();
        String value = override.substring(equals + 1).strip();
        if (value.isEmpty()) {
            throw malformed(override, "there is no value; for an empty text write " + key + "=\"\"");
        }
        try {
            ConfigUtil.splitPath(key);
            return parsed(override, key, text(override, value));
        } catch (ConfigException e) {
            throw malformed(override, e.getMessage());
        }
    }

    /** The value in HOCON, checked to be a single one. */
    private static String text(String override, String value) {
        boolean asItStands = HOCON.matcher(value).matches() || LITERAL.matcher(value).matches();
        String text = asItStands ? value : ConfigUtil.quoteString(value);
        if (parsed(override, VALUE, text).root().size() != 1) {
            throw malformed(override, "it holds more than one setting; repeat --set");
        }
        return text;
    }

    /** Parsed with its key, so that the sections on the way to it are known to come from the override too. */
    private static Config parsed(String override, String key, String text) {
        return ConfigFactory.parseString(key + " = " + text,
                ConfigParseOptions.defaults().setOriginDescription(PLACE + override));
    }

    private static io.sparsebalance.api.ConfigException malformed(String override, String why) {
        return new io.sparsebalance.api.ConfigException(
                PLACE + override + " must be key=value, for example --set run.steps=50: " + why);
    }
}
