package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToRank;
import org.apache.pekko.actor.typed.ActorRef;

/** Takes the actors of ranks that are known before they are ready. */
@FunctionalInterface
public interface RankRegister {
    /** From now on the member is reached here. */
    void put(MemberId member, ActorRef<ToRank> actor);
}
