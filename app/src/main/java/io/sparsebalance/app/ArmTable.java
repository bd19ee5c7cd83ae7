package io.sparsebalance.app;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.sparsebalance.actors.rundir.Json;
import io.sparsebalance.policies.simulation.ArmResult;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Arms as a table for people, or as one JSON object for programs; {@code simulate} and {@code bench balance} print both. */
final class ArmTable {
    /** What the columns mean, for {@code --help}. */
    static final String[] COLUMNS = {
        "imbalance      mean over steps of (largest / mean busy time of the ranks); 1 is even",
        "step s         seconds of a step: busy time of the slowest rank, and the reduce",
        "speed-up       step seconds of random/fixed / those of the arm, on the same samples in the same order",
        "ideal          step seconds of random/fixed / mean busy time of the arm's ranks: perfect balance of its work",
        "density        computed / causal (query, key) pairs",
        "coverage       share of the router's probability mass that is kept",
        "plan ms        time of batching and budget decisions of a step, median"};

    private ArmTable() {
    }

    /** Lines of text, without a last line break. */
    static String text(List<ArmResult> arms) {
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%-13s %9s %9s %8s %6s %9s %10s %9s", "arm",
                "imbalance", "step s", "speed-up", "ideal", "density", "coverage", "plan ms"));
        for (ArmResult arm : arms) {
            text.append(String.format(Locale.ROOT, "%n%-13s %9.3f %9.4g %8.3f %6.3f %7.1f %% %8.1f %% %9.2f", arm.arm(),
                    arm.imbalance(), arm.stepSeconds(), arm.speedup(), arm.idealSpeedup(), 100 * arm.density(),
                    100 * arm.coverage(), arm.planMillis()));
        }
        return text.toString();
    }

    /**
     * One object: the settings in their order, then {@code arms}.
     *
     * @param settings values that Jackson can write, under other names than {@code arms}
     */
    static String json(Map<String, ?> settings, List<ArmResult> arms) {
        Map<String, Object> object = new LinkedHashMap<>(settings);
        object.put("arms", arms);
        try {
            return Json.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(object);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("settings " + settings + " cannot be written as JSON", e);
        }
    }
}
