package io.sparsebalance.policies.cost;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What a latency table was measured on: a table holds for the device, kernels and model shape that it was measured with, and
 * for no other.
 *
 * @param fields name and value of everything that changes latencies, in the order in which people read them; immutable
 */
public record Fingerprint(Map<String, String> fields) {
    /** Copies, in order. */
    public Fingerprint {
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /**
     * One field that is not the same.
     *
     * @param stored value in the table; "(not said)" if it has none
     * @param now value here
     */
    public record Difference(String field, String stored, String now) {
        @Override
        public String toString() {
            return field + " was '" + stored + "' and is '" + now + "'";
        }
    }

    /** Every field in which this, read from a file, differs from what is there now; empty if the table holds. */
    public List<Difference> differences(Fingerprint now) {
        Map<String, String> names = new LinkedHashMap<>(now.fields);
        names.putAll(fields);
        List<Difference> differences = new ArrayList<>();
        for (String name : names.keySet()) {
            if (!Objects.equals(fields.get(name), now.fields.get(name))) {
                differences.add(new Difference(name, said(fields.get(name)), said(now.fields.get(name))));
            }
        }
        return differences;
    }

    private static String said(String value) {
        return value == null ? "(not said)" : value;
    }

    /** One line for people. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        fields.forEach((name, value) -> text.append(text.isEmpty() ? "" : "; ").append(name).append(": ")
                .append(value));
        return text.toString();
    }
}
