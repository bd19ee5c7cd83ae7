package io.sparsebalance.policies.simulation;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one arm came to by itself.
 *
 * @param meanBusySeconds mean over steps of the mean busy time of a rank
 * @param flagged ranks that were found to be slow, with the step in which they first were
 * @param truncatedShare of the drawn lengths
 */
public record ArmSummary(String arm, double imbalance, double stepSeconds, double meanBusySeconds, double density,
        double coverage, double planMillis, Map<Integer, Integer> flagged, double truncatedShare) {
    /** Copies. */
    public ArmSummary {
        flagged = Collections.unmodifiableMap(new TreeMap<>(flagged));
    }

    /** Against the baseline on the same samples. */
    public ArmResult against(ArmSummary baseline) {
        return ArmResult.of(arm, imbalance, stepSeconds, baseline.stepSeconds, meanBusySeconds, density, coverage,
                planMillis);
    }
}
