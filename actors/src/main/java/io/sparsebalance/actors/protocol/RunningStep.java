package io.sparsebalance.actors.protocol;

import io.sparsebalance.policies.step.Completion;
import io.sparsebalance.policies.step.StepInFlight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** A step in flight together with what its ranks answered. Owned by the balancer. */
final class RunningStep {
    private final StepPlan plan;
    private final StepInFlight state;
    private final MicroBatchOutcome[] outcomes;

    RunningStep(StepPlan plan, StepInFlight state) {
        this.plan = plan;
        this.state = state;
        this.outcomes = new MicroBatchOutcome[plan.microBatches().size()];
    }

    StepPlan plan() {
        return plan;
    }

    StepInFlight state() {
        return state;
    }

    /** Of every micro-batch, once all are done. */
    List<MicroBatchOutcome> outcomes() {
        return Collections.unmodifiableList(Arrays.asList(outcomes));
    }

    /** Notes an outcome; false if it was noted before, or was never granted to that rank. */
    boolean complete(MicroBatchOutcome outcome) {
        if (!state.complete(completion(outcome))) {
            return false;
        }
        outcomes[outcome.microBatch()] = outcome;
        return true;
    }

    static Completion completion(MicroBatchOutcome outcome) {
        return new Completion(outcome.microBatch(), outcome.rank(), outcome.busyNanos(), outcome.gcNanos());
    }

    static List<List<Integer>> lengths(StepPlan plan) {
        List<List<Integer>> lengths = new ArrayList<>();
        for (int i = 0; i < plan.microBatches().size(); i++) {
            lengths.add(plan.lengths(i));
        }
        return lengths;
    }
}
