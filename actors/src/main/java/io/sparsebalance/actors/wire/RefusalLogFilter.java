package io.sparsebalance.actors.wire;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.event.EventStream;
import org.apache.pekko.event.slf4j.Slf4jLoggingFilter;

/**
 * Lets one line a second through of those that Artery writes for every frame or message that it cannot read; a peer could fill a
 * disk with them. {@link WireCounters} counts ours. Named in {@code sparsebalance-pekko.conf}. Any thread.
 */
public final class RefusalLogFilter extends Slf4jLoggingFilter {
    private static final String DECODER = "org.apache.pekko.remote.artery.Decoder";
    private static final String DESERIALIZER = "org.apache.pekko.remote.artery.Deserializer";
    private static final long EVERY_NANOS = 1_000_000_000L;

    private final AtomicLong nextDecoderNanos = new AtomicLong(System.nanoTime());
    private final AtomicLong nextDeserializerNanos = new AtomicLong(System.nanoTime());

    /** Called by Pekko. */
    public RefusalLogFilter(ActorSystem.Settings settings, EventStream eventStream) {
        super(settings, eventStream);
    }

    @Override
    public boolean isErrorEnabled(Class<?> logClass, String logSource) {
        return super.isErrorEnabled(logClass, logSource)
                && (!logClass.getName().equals(DESERIALIZER) || isDue(nextDeserializerNanos));
    }

    @Override
    public boolean isWarningEnabled(Class<?> logClass, String logSource) {
        return super.isWarningEnabled(logClass, logSource)
                && (!logClass.getName().equals(DECODER) || isDue(nextDecoderNanos));
    }

    private static boolean isDue(AtomicLong nextNanos) {
        long now = System.nanoTime();
        long next = nextNanos.get();
        return now - next >= 0 && nextNanos.compareAndSet(next, now + EVERY_NANOS);
    }
}
