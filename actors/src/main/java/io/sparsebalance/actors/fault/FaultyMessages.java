package io.sparsebalance.actors.fault;

import io.sparsebalance.actors.message.WireMessage;
import java.time.Duration;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.BehaviorInterceptor;
import org.apache.pekko.actor.typed.TypedActorContext;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Loses, doubles, delays and reorders what an actor is sent by others, as a network may. */
final class FaultyMessages<T> extends BehaviorInterceptor<T, T> {
    private static final long OVERTAKEN_MILLIS = 20;

    private final FaultHooks hooks;
    /** Messages that were kept back, and are not to be disturbed again. */
    private final Set<Object> delayed = Collections.newSetFromMap(new IdentityHashMap<>());

    FaultyMessages(Class<T> type, FaultHooks hooks) {
        super(type);
        this.hooks = hooks;
    }

    @Override
    public Behavior<T> aroundReceive(TypedActorContext<T> context, T message, ReceiveTarget<T> target) {
        boolean disturbed = message instanceof WireMessage && !delayed.remove(message) && !hooks.isIdle();
        if (!disturbed) {
            return target.apply(context, message);
        }
        if (hooks.strikes(HookKind.LOSS)) {
            return Behaviors.same();
        }
        if (hooks.strikes(HookKind.DUPLICATE)) {
            later(context, message, ThreadLocalRandom.current().nextLong(OVERTAKEN_MILLIS));
        } else if (hooks.strikes(HookKind.REORDER)) {
            later(context, message, OVERTAKEN_MILLIS);
            return Behaviors.same();
        }
        Optional<FaultHooks.Armed> late = hooks.active(HookKind.LATE);
        if (late.isPresent()) {
            later(context, message, ThreadLocalRandom.current().nextLong(1 + (long) late.get().value()));
            return Behaviors.same();
        }
        return target.apply(context, message);
    }

    private void later(TypedActorContext<T> context, T message, long millis) {
        ActorContext<T> actor = context.asJava();
        delayed.add(message);
        actor.scheduleOnce(Duration.ofMillis(millis), actor.getSelf(), message);
    }
}
