package io.sparsebalance.actors.wire;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Extension;
import org.apache.pekko.actor.typed.ExtensionId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Messages of an actor system that came from other JVMs or were meant for them, counted. Refused ones are logged, one line a
 * second at most, so that a flood fills no disk. Any thread.
 */
public final class WireCounters implements Extension {
    private static final Logger LOG = LoggerFactory.getLogger(WireCounters.class);
    private static final long LOG_EVERY_NANOS = 1_000_000_000L;
    private static final Id ID = new Id();

    private final LongAdder received = new LongAdder();
    private final LongAdder sent = new LongAdder();
    private final Map<Refusal, LongAdder> refused = new EnumMap<>(Refusal.class);
    private final AtomicLong nextLogNanos = new AtomicLong(System.nanoTime());
    private final AtomicLong unlogged = new AtomicLong();

    private WireCounters() {
        for (Refusal why : Refusal.values()) {
            refused.put(why, new LongAdder());
        }
    }

    /** Those of an actor system, made at the first call. */
    public static WireCounters of(ActorSystem<?> system) {
        return ID.apply(system);
    }

    /** Messages read. */
    public long numReceived() {
        return received.sum();
    }

    /** Messages written. */
    public long numSent() {
        return sent.sum();
    }

    /** Messages refused for a reason. */
    public long numRefused(Refusal why) {
        return refused.get(why).sum();
    }

    /** Messages refused for any reason. */
    public long numRefused() {
        return refused.values().stream().mapToLong(LongAdder::sum).sum();
    }

    void received() {
        received.increment();
    }

    void sent() {
        sent.increment();
    }

    void refused(Refusal why, String what) {
        refused.get(why).increment();
        long now = System.nanoTime();
        long next = nextLogNanos.get();
        if (now - next >= 0 && nextLogNanos.compareAndSet(next, now + LOG_EVERY_NANOS)) {
            LOG.warn("dropped a message: {} ({} more since the last such line; {} in all)", what,
                    unlogged.getAndSet(0), numRefused());
        } else {
            unlogged.incrementAndGet();
        }
    }

    private static final class Id extends ExtensionId<WireCounters> {
        @Override
        public WireCounters createExtension(ActorSystem<?> system) {
            return new WireCounters();
        }
    }
}
