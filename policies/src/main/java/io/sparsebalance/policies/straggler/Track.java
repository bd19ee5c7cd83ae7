package io.sparsebalance.policies.straggler;

/**
 * Evidence over steps that something is slow: a slow step counts one, another takes back a half, so that a device that is slow
 * every other step is found too, and single outliers are not. Raised when the count reaches the asked number of steps; ended
 * by three times as many steps in a row that are clearly not slow.
 *
 * @param score 0 to the asked number of steps
 * @param calmSteps in a row
 * @param raised whether it is slow now
 */
public record Track(double score, int calmSteps, boolean raised) {
    /** Nothing seen. */
    public static final Track NONE = new Track(0, 0, false);
    private static final double DECAY = 0.5;
    private static final int CALM_FACTOR = 3;

    /**
     * After one step.
     *
     * @param slow at or above the threshold
     * @param calm clearly below it; between the two a step neither ends nor prolongs calm
     * @param steps of evidence that raise it
     */
    Track next(boolean slow, boolean calm, int steps) {
        double after = slow ? Math.min(steps, score + 1) : Math.max(0, score - DECAY);
        int calmAfter = calm ? Math.min(CALM_FACTOR * steps, calmSteps + 1) : slow ? 0 : calmSteps;
        if (raised && calmAfter >= CALM_FACTOR * steps) {
            return NONE;
        }
        return new Track(after, calmAfter, raised || after >= steps);
    }
}
