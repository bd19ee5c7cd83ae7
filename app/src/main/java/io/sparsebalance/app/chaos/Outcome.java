package io.sparsebalance.app.chaos;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What came of faults: records that are written as JSON. */
final class Outcome {
    /** Time until somebody noticed. */
    static final String DETECTED = "detected ms";
    /** Time until the first commit after somebody had noticed; after the fault's end if nobody did. */
    static final String RECOVERED = "recovered ms";
    /** Longest time between two commits. */
    static final String STALL = "stall ms";
    /** Time until the node that was cut off or stopped had ended itself, since it could. */
    static final String FENCED = "fenced ms";
    /** Time until all ranks took part again. */
    static final String COMPLETE = "complete ms";
    /** Committed steps that were lost. */
    static final String LOST = "committed steps lost";
    /** Steps until the slow rank was named as a straggler. */
    static final String NAMED = "named after steps";
    /** Ranks that were named although they were not the slow one. */
    static final String OTHERS_NAMED = "others named";
    /** Steps a second during a fault that is tolerated, over those before. */
    static final String THROUGHPUT = "throughput";
    /** The same from when the slow rank was named. */
    static final String THROUGHPUT_NAMED = "throughput once named";

    /** How all of it went. */
    enum Verdict {
        /** All faults were brought about and overcome, and the bits are the same. */
        GOOD,
        /** Something was not as it must be. */
        FAILED,
        /** It was stopped before its end; what had been done by then was good. */
        INCOMPLETE;

        /** As it is printed. */
        String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private Outcome() {
    }

    /**
     * Of a fault.
     *
     * @param number from 1
     * @param label its kind, and what its plan says of it: faults of one label are compared
     * @param target whom it hit
     * @param step last one committed before it
     * @param fired whether it had an effect
     * @param measures by their names above
     * @param detection what was said of it; empty if nothing was
     * @param problem why it counts as failed; empty if it does not
     */
    record Fault(int number, String kind, String label, String target, long step, boolean fired,
            Map<String, Double> measures,
            String detection, String problem) {}

    /**
     * Of a trial.
     *
     * @param steps committed
     * @param digest at its end, empty if it did not come to it
     * @param stopped whether it was stopped before its end
     * @param problems empty if it is good
     */
    record Trial(int number, long seed, long steps, double seconds, String digest, boolean stopped, List<Fault> faults,
            List<String> problems) {
        boolean isGood() {
            return problems.isEmpty() && faults.stream().allMatch(fault -> fault.problem().isEmpty());
        }
    }

    /**
     * Of all.
     *
     * @param expectedDigest of the run in which nothing failed; empty if it did not come to its end
     * @param good whether the verdict is
     */
    record Chaos(String plan, String description, String command, String date, String machine, long seed,
            String expectedDigest, boolean good, Verdict verdict, List<Trial> trials) {}
}
