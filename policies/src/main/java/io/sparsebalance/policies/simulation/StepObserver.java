package io.sparsebalance.policies.simulation;

import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.StepInFlight;

/** Is told of each simulated step that is done. */
@FunctionalInterface
public interface StepObserver {
    /** Hears nothing. */
    StepObserver NONE = (step, inFlight, stepSeconds, findings) -> {};

    /**
     * A step is done.
     *
     * @param step from 1
     * @param inFlight its micro-batches, budgets and completions; ranks are those of the generation
     * @param stepSeconds reduce, and what was lost with failing ranks, included
     * @param findings what the balancer learned
     */
    void onStep(int step, StepInFlight inFlight, double stepSeconds, Balancing.Findings findings);
}
