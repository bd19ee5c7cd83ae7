package io.sparsebalance.actors.protocol;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Micro-batches of the open step whose gradients a rank has added up, with what it said of them. */
final class OwnWork {
    private final Map<Integer, ToBalancer.MicroBatchCompleted> completed = new HashMap<>();

    void add(ToBalancer.MicroBatchCompleted fact) {
        completed.put(fact.outcome().microBatch(), fact);
    }

    /** What was said of a micro-batch; null if it was not run. */
    ToBalancer.MicroBatchCompleted saidOf(int microBatch) {
        return completed.get(microBatch);
    }

    /** Whether it is all that the rank was granted, together with what the device is doing. */
    boolean isAll(ToRank.AllGranted granted, ToRank.Remote running) {
        Set<Integer> known = new HashSet<>(completed.keySet());
        if (running instanceof ToRank.Grant grant) {
            known.add(grant.microBatch());
        }
        return known.equals(Set.copyOf(granted.microBatches()));
    }

    void clear() {
        completed.clear();
    }
}
