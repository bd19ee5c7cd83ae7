package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.Patience;
import io.sparsebalance.actors.protocol.RunSettings;
import io.sparsebalance.actors.protocol.ToCoordinator;
import java.time.Duration;
import org.apache.pekko.actor.typed.javadsl.ActorContext;

/** Where a run's ranks come from. */
public interface RankSource {
    /** Who takes part. */
    RunSettings.Membership membership();

    /** How long they are waited for. */
    Patience patience(Duration stepTimeout);

    /**
     * Finds or makes ranks and has them told of the coordinator, whose actor's thread this is called on. Each tells the
     * coordinator that it is ready, once it is.
     */
    void start(ActorContext<ToCoordinator> coordinator, RankRegister register);
}
