package io.sparsebalance.actors.protocol;

import java.util.List;

/** What the batcher takes, from the coordinator and the balancer of its JVM. */
public sealed interface ToBatcher {
    /** Plan the steps from {@code first} to {@code last} for this many ranks, and send them to the balancer, in order. */
    record PlanSteps(StepId first, long last, int numRanks) implements ToBatcher {}

    /** How slow each rank was found to be; plans made from now on use it. */
    record SpeedsObserved(StepId id, List<Double> speeds) implements ToBatcher {
        /** Copies. */
        public SpeedsObserved {
            speeds = List.copyOf(speeds);
        }
    }
}
