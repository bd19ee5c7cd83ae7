package io.sparsebalance.policies.batching;

import java.util.ArrayList;
import java.util.List;

/**
 * Places the samples of one global batch into micro-batches, and micro-batches onto ranks. Pure and deterministic.
 *
 * <p>The content of the micro-batches does not depend on the number of ranks; only the assignment does.
 */
public interface BatchingPolicy {
    /** Name as written in the configuration: {@code random}, {@code sorted}, {@code lbb}, {@code sab}. */
    String name();

    /**
     * Plans one step.
     *
     * @throws InfeasibleBatchException if the samples cannot be placed under the token cap; names sample and cap
     */
    BatchPlan plan(BatchRequest request);

    /**
     * Deals the samples of a look-ahead window to its steps, as many to each, before each step is planned. Depends on the window
     * alone, neither on the number nor on the speeds of ranks. A policy that does not look ahead leaves samples in their order.
     *
     * @return samples of each step, in sample order
     */
    default List<List<Sample>> deal(WindowRequest window) {
        List<List<Sample>> steps = new ArrayList<>();
        int perStep = window.samplesPerStep();
        for (int step = 0; step < window.numSteps(); step++) {
            steps.add(window.samples().subList(step * perStep, (step + 1) * perStep));
        }
        return steps;
    }
}
