package io.sparsebalance.actors.training;

import io.sparsebalance.actors.protocol.Effect;
import io.sparsebalance.actors.protocol.MemberId;
import io.sparsebalance.actors.protocol.ToBalancer;
import io.sparsebalance.actors.protocol.ToBatcher;
import io.sparsebalance.actors.protocol.ToCoordinator;
import io.sparsebalance.actors.protocol.ToRank;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.pekko.actor.typed.ActorRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the actors of a run are found by those that carry out effects. Safe for use by many threads. */
final class Routes {
    private static final Logger LOG = LoggerFactory.getLogger(Routes.class);

    private final ActorRef<ToCoordinator> coordinator;
    private final Map<MemberId, ActorRef<ToRank>> ranks = new ConcurrentHashMap<>();
    private volatile ActorRef<ToBalancer> balancer;
    private volatile ActorRef<ToBatcher> batcher;

    Routes(ActorRef<ToCoordinator> coordinator) {
        this.coordinator = coordinator;
    }

    void balancer(ActorRef<ToBalancer> actor) {
        balancer = actor;
    }

    void batcher(ActorRef<ToBatcher> actor) {
        batcher = actor;
    }

    void rank(MemberId member, ActorRef<ToRank> actor) {
        ranks.put(member, actor);
    }

    /** The actor of a member, or null if it is not known. */
    ActorRef<ToRank> rank(MemberId member) {
        return ranks.get(member);
    }

    void forget(MemberId member) {
        ranks.remove(member);
    }

    /** Carries out an effect that every actor may have; false if it is the coordinator's own. */
    boolean carryOut(Effect effect) {
        switch (effect) {
            case Effect.TellRank tell -> {
                ActorRef<ToRank> rank = ranks.get(tell.member());
                if (rank != null) {
                    rank.tell(tell.message());
                }
            }
            case Effect.TellBalancer tell -> balancer.tell(tell.message());
            case Effect.TellBatcher tell -> batcher.tell(tell.message());
            case Effect.TellCoordinator tell -> coordinator.tell(tell.message());
            case Effect.Warn warn -> LOG.warn(warn.text());
            case Effect.NoteStart note -> {
                return false;
            }
            case Effect.Commit commit -> {
                return false;
            }
            case Effect.NoteCheckpoint note -> {
                return false;
            }
            case Effect.Forget forget -> {
                return false;
            }
            case Effect.End end -> {
                return false;
            }
            case Effect.StepDown down -> {
                return false;
            }
        }
        return true;
    }
}
