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
    private ArmTable() {
    }

    /** Names of the columns. */
    static String header() {
        return String.format(Locale.ROOT, "%-13s %9s %9s %8s %7s %8s %9s %9s", "arm", "imbalance", "step s", "speed-up",
                "ideal", "density", "coverage", "plan ms");
    }

    /** One arm. */
    static String row(ArmResult arm) {
        return String.format(Locale.ROOT, "%-13s %9.3f %9.4g %8.3f %7.3f %6.1f %% %7.1f %% %9.2f", arm.arm(),
                arm.imbalance(), arm.stepSeconds(), arm.speedup(), arm.idealSpeedup(), 100 * arm.density(),
                100 * arm.coverage(), arm.planMillis());
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
