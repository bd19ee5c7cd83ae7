package io.sparsebalance.actors.profile;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Iterator;
import java.util.Map;

/** JSON for people: a line for each field of the outer objects, and for each element of a list of objects. */
final class ReadableJson {
    private static final String INDENT = "  ";
    private static final int OUTER = 2;

    private final ObjectMapper mapper;
    private final StringBuilder text = new StringBuilder();

    private ReadableJson(ObjectMapper mapper) {
        this.mapper = mapper;
    }

    static String write(ObjectMapper mapper, Object value) throws IOException {
        ReadableJson json = new ReadableJson(mapper);
        json.append(mapper.valueToTree(value), 0);
        return json.text.append('\n').toString();
    }

    private void append(JsonNode node, int depth) throws IOException {
        String indent = INDENT.repeat(depth + 1);
        if (node.isObject() && depth < OUTER && !node.isEmpty()) {
            text.append("{\n");
            for (Iterator<Map.Entry<String, JsonNode>> fields = node.properties().iterator(); fields.hasNext();) {
                Map.Entry<String, JsonNode> field = fields.next();
                text.append(indent).append(mapper.writeValueAsString(field.getKey())).append(": ");
                append(field.getValue(), depth + 1);
                text.append(fields.hasNext() ? ",\n" : "\n");
            }
            text.append(INDENT.repeat(depth)).append('}');
        } else if (node.isArray() && !node.isEmpty() && node.get(0).isContainerNode()) {
            text.append("[\n");
            for (Iterator<JsonNode> elements = node.elements(); elements.hasNext();) {
                text.append(indent).append(mapper.writeValueAsString(elements.next()))
                        .append(elements.hasNext() ? ",\n" : "\n");
            }
            text.append(INDENT.repeat(depth)).append(']');
        } else {
            text.append(mapper.writeValueAsString(node));
        }
    }
}
