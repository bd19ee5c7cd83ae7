package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.BalancerLogic;
import io.sparsebalance.actors.protocol.ToBalancer;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** The actor around {@link BalancerLogic}. */
final class Balancer {
    private Balancer() {
    }

    static Behavior<ToBalancer> create(BalancerLogic logic, Routes routes) {
        return Behaviors.receiveMessage(message -> {
            logic.on(message).forEach(routes::carryOut);
            return Behaviors.same();
        });
    }
}
