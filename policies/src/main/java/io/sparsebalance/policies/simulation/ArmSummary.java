package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.straggler.Cause;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one arm came to by itself.
 *
 * @param meanBusySeconds mean over steps of the mean busy time of a rank
 * @param flagged ranks that were found to be slow, and how they first were
 * @param truncatedShare of the drawn lengths
 */
public record ArmSummary(String arm, double imbalance, double stepSeconds, double meanBusySeconds, double density,
        double coverage, double planMillis, Map<Integer, Flag> flagged, double truncatedShare) {
    /**
     * A rank that was found to be slow.
     *
     * @param step in which it first was
     * @param host that it runs on; empty if all ranks run on one
     */
    public record Flag(int step, Cause cause, String host) {
        @Override
        public String toString() {
            return "step " + step + ", " + cause.label() + (host.isEmpty() ? "" : " " + host);
        }
    }

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
