package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.BatcherLogic;
import io.sparsebalance.actors.protocol.ToBatcher;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** The actor around {@link BatcherLogic}: plans ahead while ranks compute. */
final class Batcher {
    private Batcher() {
    }

    static Behavior<ToBatcher> create(BatcherLogic logic, Routes routes) {
        return Behaviors.receiveMessage(message -> {
            logic.on(message).forEach(routes::carryOut);
            return Behaviors.same();
        });
    }
}
