package io.sparsebalance.policies.cost;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FingerprintTest {
    @Test
    void everyFieldThatDiffersIsNamedWithBothValues() {
        Fingerprint stored = new Fingerprint(fields("device", "A", "ranks", "2", "gone", "x"));
        Fingerprint now = new Fingerprint(fields("device", "B", "ranks", "2", "new", "y"));
        assertThat(stored.differences(now)).extracting(Fingerprint.Difference::toString).containsExactly(
                "device was 'A' and is 'B'", "new was '(not said)' and is 'y'", "gone was 'x' and is '(not said)'");
        assertThat(stored.differences(new Fingerprint(stored.fields()))).isEmpty();
    }

    @Test
    void readsAsOneLine() {
        assertThat(new Fingerprint(fields("device", "A", "ranks", "2"))).hasToString("device: A; ranks: 2");
    }

    private static Map<String, String> fields(String... namesAndValues) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            fields.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return fields;
    }
}
