package io.sparsebalance.actors.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.util.Map;

/**
 * A whole configuration as a run file: every key with its meaning, in the order of {@code reference.conf}, and for each key
 * that was set, where. Reading the text again gives the same configuration.
 */
final class ConfigText {
    private static final String INDENT = "  ";

    private final StringBuilder text = new StringBuilder();

    private ConfigText() {
    }

    /** @param merged resolved, with every key of {@code defaults} and no other */
    static String render(ConfigObject merged, ConfigObject defaults) {
        ConfigText out = new ConfigText();
        out.section(merged, defaults, "");
        return out.text.toString();
    }

    private void section(ConfigObject merged, ConfigObject defaults, String indent) {
        boolean first = true;
        for (Map.Entry<String, ConfigValue> entry : KeyOrder.entries(defaults)) {
            ConfigValue standard = entry.getValue();
            ConfigValue value = merged.get(entry.getKey());
            if (indent.isEmpty() && !first) {
                text.append('\n');
            }
            first = false;
            for (String comment : standard.origin().comments()) {
                text.append(indent).append('#').append(comment).append('\n');
            }
            if (standard instanceof ConfigObject inner) {
                text.append(indent).append(key(entry)).append(" {\n");
                section((ConfigObject) value, inner, indent + INDENT);
                text.append(indent).append("}\n");
            } else {
                if (isSet(value, standard)) {
                    text.append(indent).append("# Set by ").append(Places.of(value.origin()).replaceAll("\\R", " "))
                            .append(value.equals(standard) ? "" : "; default " + literal(standard)).append('\n');
                }
                text.append(indent).append(key(entry)).append(" = ").append(literal(value)).append('\n');
            }
        }
    }

    /** Whether a value was written by the user, rather than taken from the defaults. */
    static boolean isSet(ConfigValue value, ConfigValue standard) {
        return !value.origin().equals(standard.origin());
    }

    private static String key(Map.Entry<String, ConfigValue> entry) {
        return ConfigUtil.joinPath(entry.getKey());
    }

    /** A value as HOCON reads it; a number as it was written. */
    static String literal(ConfigValue value) {
        return value.valueType() == ConfigValueType.NUMBER
                ? value.atKey("number").getString("number")
                : value.render(ConfigRenderOptions.concise());
    }
}
