package io.sparsebalance.policies.batching;

/**
 * Consecutive steps whose samples may change places with each other. A function of the step's number, so that whoever plans a
 * step anew finds the same window.
 *
 * @param firstStep number of the first step, from 1
 * @param numSteps steps, at least 1
 */
public record StepWindow(long firstStep, int numSteps) {
    /**
     * The window of a step: of the aligned run of {@code width} steps that holds it, the steps whose samples are of the same
     * epoch. A step that holds the end of an epoch and the beginning of the next is a window by itself, so that no sample leaves
     * its epoch.
     *
     * @param step number of the step, from 1
     * @param width steps of a window at most, at least 1
     * @param samplesPerStep samples of each step
     * @param samplesPerEpoch samples of the data set
     */
    public static StepWindow of(long step, int width, long samplesPerStep, long samplesPerEpoch) {
        long aligned = (step - 1) / width * width + 1;
        long first = step;
        long last = step;
        if (!straddles(step, samplesPerStep, samplesPerEpoch)) {
            while (first > aligned && together(first - 1, step, samplesPerStep, samplesPerEpoch)) {
                first--;
            }
            while (last < aligned + width - 1 && together(last + 1, step, samplesPerStep, samplesPerEpoch)) {
                last++;
            }
        }
        return new StepWindow(first, (int) (last - first + 1));
    }

    private static boolean together(long one, long other, long samplesPerStep, long samplesPerEpoch) {
        return !straddles(one, samplesPerStep, samplesPerEpoch)
                && epoch((one - 1) * samplesPerStep, samplesPerEpoch) == epoch((other - 1) * samplesPerStep,
                        samplesPerEpoch);
    }

    private static boolean straddles(long step, long samplesPerStep, long samplesPerEpoch) {
        return epoch((step - 1) * samplesPerStep, samplesPerEpoch) != epoch(step * samplesPerStep - 1, samplesPerEpoch);
    }

    private static long epoch(long position, long samplesPerEpoch) {
        return position / samplesPerEpoch;
    }

    /** Whether the window holds a step. */
    public boolean contains(long step) {
        return step >= firstStep && step < firstStep + numSteps;
    }
}
