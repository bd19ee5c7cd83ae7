package io.sparsebalance.actors.bench;

import io.sparsebalance.actors.protocol.MicroBatchOutcome;
import io.sparsebalance.data.SampleRef;
import io.sparsebalance.engine.MicroBatchResult;
import io.sparsebalance.policies.Budgets;
import io.sparsebalance.policies.step.Balancing;
import io.sparsebalance.policies.step.StepInFlight;
import java.util.List;

/** The ranks of one arm: devices, replicas, and how a step runs on them. */
interface StepExecution extends AutoCloseable {
    /**
     * What a step took.
     *
     * @param reviseNanos that each rank waited for revisions of its budgets; in {@code seconds} where the slowest rank waited
     */
    record Executed(double seconds, List<Double> busySeconds, List<Double> waitSeconds,
            List<MicroBatchOutcome> outcomes, List<Long> reviseNanos) {
        /** Copies. */
        public Executed {
            busySeconds = List.copyOf(busySeconds);
            waitSeconds = List.copyOf(waitSeconds);
            reviseNanos = List.copyOf(reviseNanos);
            outcomes = List.copyOf(outcomes);
        }
    }

    /**
     * Runs a step to its end, reduce and update included.
     *
     * @param microBatches samples of each
     * @param lossScale 1 / targets of the step
     */
    Executed run(long step, StepInFlight state, Balancing balancing, List<List<SampleRef>> microBatches,
            double lossScale);

    /** Runs a micro-batch on every device and leaves its gradient zero. */
    void warmUp(List<SampleRef> samples, Budgets budgets);

    /** Loss sum and targets of held-out samples. */
    MicroBatchResult evaluate(List<SampleRef> samples, Budgets budgets);

    @Override
    void close();
}
